"""Keys for others: roles, projects, an end, a record, a rate; and of the secret only a digest."""

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from flowtrace_mcp.errors import AccessError, ForbiddenError, RateError
from flowtrace_mcp.ingest.otlp_http import otlp_http_app, refuse_as_status
from flowtrace_mcp.rest.access import AccessGate, AccessPolicy, action_of, grpc_admission
from flowtrace_mcp.rest.rest_app import rest_app
from flowtrace_mcp.services.keys import REMEMBERED_US, KeyRing, create_key, revoke_key
from flowtrace_mcp.services.rates import RateLimiter
from flowtrace_mcp.services.status import ListenerFacts
from tests.ingest import otlp_bodies
from tests.rest.conftest import BASE_URL

TOKEN = "t" * 32
FOREIGN = ("203.0.113.5", 4711)
KEYS = "/api/v1/admin/keys"
PROTOBUF = {"content-type": "application/x-protobuf"}


@pytest.fixture
def policy(context):
    return AccessPolicy(
        require_auth="strict",
        token=TOKEN,
        host="testserver",
        find_key=KeyRing(context).find,
        note=context.store.access.note,
        now_us=context.now_us,
    )


@pytest.fixture
def asking(endpoints, pipeline, policy):
    """Return a function that gives a client with a secret."""

    def make(secret, client=("127.0.0.1", 1), **more):
        app = rest_app(endpoints, pipeline, ListenerFacts, replace(policy, **more))
        headers = {"Authorization": f"Bearer {secret}"}
        return TestClient(app, base_url=BASE_URL, headers=headers, client=client)

    return make


@pytest.fixture
def owner(asking):
    return asking(TOKEN)


@pytest.fixture
def made(owner):
    """Return a function that makes a key over REST and gives its body."""

    def make(**wanted):
        answer = owner.post(KEYS, json={"name": "ci", **wanted})
        assert answer.status_code == 200, answer.text
        return answer.json()

    return make


def wait_for_record(context):
    context.store.access.insert_entries([])  # the queue before it is on disk then
    return context.store.access.list_entries(2**62, 0, 100)


READS = [("GET", "/api/v1/traces"), ("GET", "/api/v1/sessions"), ("GET", "/api/v1/status")]
WRITES = [("POST", "/api/v1/memories"), ("POST", "/api/v1/traces")]
ADMINS = [("GET", KEYS), ("GET", "/api/v1/admin/backups"), ("GET", "/api/v1/admin/audit")]


@pytest.mark.parametrize(
    ("role", "reads", "writes", "administers"),
    [
        ("reader", True, False, False),
        ("writer", True, True, False),
        ("admin", True, True, True),
    ],
)
def test_a_role_may_what_it_may_and_no_more(asking, made, role, reads, writes, administers):
    client = asking(made(role=role)["secret"])

    for may, requests in ((reads, READS), (writes, WRITES), (administers, ADMINS)):
        for method, path in requests:
            body = {"content": "x"} if path.endswith("memories") else {"spans": []}
            answer = client.request(method, path, json=body if method == "POST" else None)
            assert (answer.status_code != 403) is may, (path, answer.text)
            assert may or answer.json()["code"] == "forbidden"


def test_a_reader_recalls_which_is_asked_by_post(asking, made):
    client = asking(made(role="reader")["secret"])

    answer = client.post("/api/v1/memories/recall", json={"query": "x", "project": "shop"})

    assert answer.status_code == 200


def test_a_secret_is_told_once_and_kept_as_a_digest(context, owner, made):
    secret = made()["secret"]

    listed = owner.get(KEYS)
    context.store.scrub_log()

    assert secret.startswith("flk_")
    assert secret not in listed.text
    assert secret.encode() not in context.settings.db_path.read_bytes()
    assert listed.json()["total"] == 1


def test_a_revoked_key_opens_nothing(context, asking, made):
    key = made()
    ticks = [context.now_us()]
    ring = KeyRing(replace(context, now_us=lambda: ticks[0]))
    client = asking(key["secret"], find_key=ring.find)
    before = client.get("/api/v1/traces").status_code

    revoked = asking(TOKEN).delete(f"{KEYS}/{key['key_id']}").status_code
    ticks[0] += REMEMBERED_US  # what was looked up lately is remembered for a moment
    after = client.get("/api/v1/traces").status_code

    assert (before, revoked, after) == (200, 200, 401)
    assert asking(TOKEN).delete(f"{KEYS}/{key['key_id']}").status_code == 404


def test_a_key_is_over_after_its_days(context):
    _, secret = create_key(context, "ci", "reader", days=1)
    ring = KeyRing(context)
    before = ring.find(secret)

    later = KeyRing(replace(context, now_us=lambda: context.now_us() + 2 * 86_400_000_000))

    assert before is not None
    assert later.find(secret) is None


def test_a_wrong_key_opens_nothing(asking, made):
    made()

    for secret in ("flk_wrong", "x", TOKEN + "x"):
        assert asking(secret).get("/api/v1/traces").status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": "x", "role": "king"},
        {"name": "x", "days": 0},
        {"name": "x", "role": "admin", "projects": ["shop"]},
        {"name": "x" * 101},
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(owner, body):
    assert owner.post(KEYS, json=body).status_code == 400
    assert owner.get(KEYS).json()["total"] == 0


@pytest.fixture
def two_projects(owner):
    for project in ("shop", "bank"):
        for number in range(2):
            text = f"The {project} keeps its secret number {number}"
            owner.post("/api/v1/memories", json={"content": text, "project": project})


def test_a_key_of_one_project_reads_that_alone(asking, made, two_projects):
    client = asking(made(role="writer", projects=["shop"])["secret"])

    def recalled(**more):
        answer = client.post("/api/v1/memories/recall", json={"query": "secret number", **more})
        return answer.status_code, answer.text

    assert recalled()[0] == 200
    assert "shop" in recalled(project="shop")[1]
    assert "bank" not in recalled()[1]
    assert recalled(project="bank")[0] == 403
    assert client.get("/api/v1/memories/export").text.count("The shop") == 2
    assert client.get("/api/v1/memories/export", params={"project": "bank"}).status_code == 403
    assert client.get("/api/v1/memories/export", params={"all": "true"}).status_code == 403
    assert (
        client.post("/api/v1/memories", json={"content": "x", "project": "bank"}).status_code == 403
    )
    batch = {"memories": [{"content": "x"}, {"content": "y", "project": "bank"}]}
    assert client.post("/api/v1/memories", json=batch).status_code == 403
    far = {"content": "x", "scope": "global"}
    assert client.post("/api/v1/memories", json=far).status_code == 403
    assert client.post("/api/v1/memories", json={"content": "Of the shop"}).status_code == 200


def test_what_belongs_to_no_project_is_closed_to_a_limited_key(context, asking, made, two_projects):
    client = asking(made(role="writer", projects=["shop"])["secret"])
    spans = {
        "spans": [
            {
                "trace_id": "1" * 32,
                "span_id": "2" * 16,
                "name": "x",
                "start_time": 1795000000000000,
                "end_time": 1795000000000001,
                "attributes": {"session.id": "s-1"},
            }
        ]
    }
    asking(TOKEN).post("/api/v1/traces", json=spans)

    assert client.get(f"/api/v1/traces/{'1' * 32}").status_code == 404
    assert client.get("/api/v1/sessions/s-1").status_code == 404
    for path in ("/api/v1/logs", "/api/v1/metrics/points", "/metrics", "/api/v1/status"):
        assert client.get(path).status_code == 403, path
    assert client.post("/api/v1/traces", json=spans).status_code == 403

    number = context.store.project_id("name:shop", "shop")
    context.store.spans.bind_session("s-1", number)
    assert client.get(f"/api/v1/traces/{'1' * 32}").status_code == 200
    assert client.get("/api/v1/sessions/s-1").status_code == 200


def test_what_a_key_did_is_in_the_record_and_not_what_it_read(context, asking, made, two_projects):
    key = made(role="writer")
    client = asking(key["secret"])

    client.post("/api/v1/memories/recall", json={"query": "secret number", "project": "shop"})
    client.get("/api/v1/memories/export", params={"all": "true"})
    client.get(KEYS)

    record = wait_for_record(context)
    by_key = [(e.action, e.what, e.status) for e in record if e.who == f"key:{key['key_id']}"]
    assert ("read", "POST /api/v1/memories/recall", 200) in by_key
    assert ("export", "GET /api/v1/memories/export", 200) in by_key
    assert ("admin", f"GET {KEYS}", 403) in by_key
    assert any(e.action == "key" and key["key_id"] in e.what for e in record)
    assert "secret number" not in str(record)
    page = asking(TOKEN).get("/api/v1/admin/audit", params={"limit": 2}).json()
    assert len(page["items"]) == 2
    assert page["next"] == page["items"][-1]["entry_id"]
    assert asking(TOKEN).get("/api/v1/admin/audit", params={"below": "x"}).status_code == 400


def test_deletes_are_in_the_record_whoever_makes_them(context, owner):
    stored = owner.post("/api/v1/memories", json={"content": "To be gone", "project": "shop"})
    (kept,) = stored.json()["results"]

    owner.post("/api/v1/memories/forget", json={"id": kept["id"], "project": "shop"})

    record = wait_for_record(context)
    assert [(e.who, e.what) for e in record if e.action == "delete"] == [
        ("here", f"retired {kept['id']}")
    ]


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("GET", "/api/v1/traces", "read"),
        ("POST", "/api/v1/memories", "write"),
        ("DELETE", "/api/v1/admin/backups/b", "delete"),
        ("POST", "/api/v1/memories/forget", "delete"),
        ("GET", "/api/v1/memories/export", "export"),
        ("POST", "/api/v1/admin/backup", "admin"),
    ],
)
def test_requests_are_called_by_what_they_do(method, path, action):
    assert action_of(method, path) == action


class Seconds:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def sending(pipeline, context, policy):
    """Return a function that sends spans over OTLP and gives the answer."""
    clock = Seconds()
    limiter = RateLimiter(a_minute=600, burst=100, now_s=clock)
    app = otlp_http_app(pipeline, context.settings)
    gate = AccessGate(app, replace(policy, limiter=limiter), is_otlp=True, refuse=refuse_as_status)

    def send(count, secret=TOKEN, client=FOREIGN):
        body = otlp_bodies.traces(count).SerializeToString()
        asked = TestClient(gate, base_url=BASE_URL, client=client)
        return asked.post(
            "/v1/traces", content=body, headers={**PROTOBUF, "Authorization": f"Bearer {secret}"}
        )

    send.clock = clock
    return send


def test_a_foreign_sender_that_sends_too_much_is_told_when_to_come_back(sending):
    first, second = sending(99), sending(99)
    third = sending(1)
    sending.clock.now += int(third.headers["retry-after"])
    fourth = sending(1)

    assert (first.status_code, second.status_code) == (200, 200)
    assert third.status_code == 429
    assert third.headers["retry-after"] == "10", "98 too many, 10 a second"
    assert fourth.status_code == 200


def test_a_sender_on_this_machine_is_not_limited(sending):
    answers = [sending(99, client=("127.0.0.1", 1)).status_code for _ in range(5)]

    assert answers == [200] * 5


def test_each_key_and_each_address_has_a_bucket_of_its_own(sending, made):
    secrets = [made(role="writer")["secret"] for _ in range(2)]
    local = ("127.0.0.1", 1)
    for _ in range(2):
        sending(99, secrets[0], local)
        sending(99)

    assert sending(1, secrets[0], local).status_code == 429
    assert sending(1, secrets[1], local).status_code == 200
    assert sending(1).status_code == 429
    assert sending(1, client=("203.0.113.6", 1)).status_code == 200


def test_a_sender_over_grpc_has_the_same_bucket(context, sending, policy, made):
    clock = Seconds()
    limited = replace(policy, limiter=RateLimiter(a_minute=600, burst=100, now_s=clock))
    admit = grpc_admission(limited)
    secret = made(role="writer")["secret"]
    near, far = "ipv4:127.0.0.1:4711", "ipv4:203.0.113.5:4711"

    for caller, bearer in ((far, TOKEN), (near, secret)):
        admit(caller, 4317, f"Bearer {bearer}")(199)
        with pytest.raises(RateError) as caught:
            admit(caller, 4317, f"Bearer {bearer}")
        assert caught.value.retry_after_s == 10

    assert admit(near, 4317, f"Bearer {TOKEN}") is None
    clock.now += 10
    assert admit(far, 4317, f"Bearer {TOKEN}") is not None


def test_the_burst_and_the_rate_are_as_they_are_promised():
    clock = Seconds()
    limiter = RateLimiter(now_s=clock)

    limiter.charge("x", 50_000)
    empty_s = limiter.wait_s("x")
    clock.now += 60
    limiter.charge("x", 9_999)

    assert empty_s == 1
    assert limiter.wait_s("x") == 0
    limiter.charge("x", 10_000)
    assert limiter.wait_s("x") == 60


def test_sources_are_remembered_up_to_a_bound():
    limiter = RateLimiter()

    for number in range(5000):
        limiter.charge(str(number), 1)

    assert len(limiter._buckets) == 4096


def test_a_reader_sends_no_telemetry(context, sending, policy):
    _, reader = create_key(context, "r", "reader")
    _, writer = create_key(context, "w", "writer")
    _, limited = create_key(context, "p", "writer", projects=["shop"])
    admit = grpc_admission(policy)

    assert sending(1, reader).status_code == 403
    assert sending(1, writer).status_code == 200
    assert sending(1, limited).status_code == 403
    admit("", 4317, f"Bearer {writer}")
    for secret in (reader, limited):
        with pytest.raises(ForbiddenError):
            admit("", 4317, f"Bearer {secret}")
    with pytest.raises(AccessError):
        admit("", 4317, "Bearer flk_x")


def test_a_key_ring_forgets_the_oldest(context):
    ring = KeyRing(context)
    secrets = [create_key(context, f"k{number}", "reader")[1] for number in range(3)]

    found = [ring.find(secret) for secret in secrets]
    revoke_key(context, found[0].key_id)

    assert [key.name for key in found] == ["k0", "k1", "k2"]
    assert KeyRing(context).find(secrets[0]) is None
