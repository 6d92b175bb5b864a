"""What repositories' lives are made of: facts as they are written down, and questions about them.

A fact is one thing a team would want remembered. ``{s}`` is its subject, ``{v}`` its value. The
questions of a fact stand in two halves: an even seed asks with the first, an odd seed with the
second, so a seed of the other parity asks in words that tuning never saw.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One kind of fact, with its ways to say it and to ask for it."""

    name: str
    kind: str
    subjects: str  # name of a pool; "" = the project has it once or not at all
    values: str  # name of a pool
    says: tuple[str, ...]
    asks: tuple[tuple[str, ...], tuple[str, ...]]
    asks_all: tuple[str, ...] = ()  # questions that every subject's memory answers


POOLS: dict[str, tuple[str, ...]] = {
    "env": ("staging", "production", "preview", "sandbox", "canary", "load-test"),
    "service": (
        "ledger",
        "invoice",
        "checkout",
        "catalogue",
        "shipping",
        "notification",
        "pricing",
        "inventory",
        "audit",
        "billing",
        "thumbnail",
        "import",
        "identity",
        "recommendation",
        "geocoding",
        "loyalty",
        "refund",
        "translation",
        "session",
        "media",
        "webhook",
        "tax",
    ),
    "job": (
        "nightly export",
        "reindex",
        "dunning",
        "retention sweep",
        "digest mail",
        "currency sync",
        "warehouse load",
        "avatar cleanup",
        "sitemap",
        "payout",
        "quota reset",
        "token purge",
    ),
    "store": (
        "orders",
        "customers",
        "events",
        "subscriptions",
        "attachments",
        "price_history",
        "stock_moves",
        "login_attempts",
        "shipments",
        "coupons",
    ),
    "person": ("Ada", "Marek", "Ines", "Tomoko", "Yusuf", "Greta", "Olu", "Priya", "Sven", "Lucía"),
    "vendor": (
        "Stripe",
        "Twilio",
        "Mapbox",
        "SendGrid",
        "Adyen",
        "Algolia",
        "Zendesk",
        "DHL",
        "Avalara",
        "Auth0",
    ),
    "package": (
        "pydantic",
        "sqlalchemy",
        "zod",
        "lodash",
        "celery",
        "protobuf",
        "react-query",
        "urllib3",
        "axios",
        "numpy",
        "jest",
        "openssl",
        "grpc-node",
        "black",
        "webpack",
        "prisma",
    ),
    "reason": (
        "the next one drops Python 3.9",
        "newer ones leak file handles",
        "its types broke our build",
        "the parser became twice as slow",
        "it pulls a native library that Alpine lacks",
        "it changed how nulls are serialised",
        "its licence changed",
    ),
    "port": tuple(str(n) for n in (5433, 6432, 7001, 8085, 8444, 9092, 6380, 3307, 27018, 15672)),
    "version": ("1.10.14", "2.0.43", "3.22.4", "4.17.21", "0.21.2", "5.3.6", "8.11.0", "7.4.1"),
    "seconds": ("3 seconds", "8 seconds", "15 seconds", "45 seconds", "2 minutes", "5 minutes"),
    "count": ("3", "4", "6", "12", "25", "40", "64", "250", "500", "2000"),
    "days": ("7 days", "14 days", "30 days", "90 days", "13 months", "two years"),
    "clock": ("02:15 UTC", "03:40 UTC", "04:05 UTC", "05:30 UTC", "22:10 UTC", "23:50 UTC"),
    "memory": ("256 MiB", "512 MiB", "768 MiB", "1.5 GiB", "3 GiB"),
    "broker": ("NATS", "RabbitMQ", "Kafka", "Redis streams", "SQS", "Pub/Sub"),
    "cause": (
        "it compares local time with UTC",
        "it shares a temp folder with its neighbour",
        "it asserts on the order of a dict",
        "the fixture server needs a second to come up",
        "it depends on the machine's locale",
        "two workers take the same port",
    ),
    "problem": (
        "the client certificate has expired",
        "the row was locked by a second worker",
        "the payload was signed with the old key",
        "the schema registry is behind",
        "the upload is larger than the proxy allows",
        "the refresh cookie is missing",
    ),
    "cure": (
        "rotate it with `ops/rotate.sh`",
        "sort the ids before you lock them",
        "flush the key cache and send it again",
        "run the registry sync first",
        "raise client_max_body_size",
        "set SameSite to Lax",
    ),
    "absence": (
        "returns None for accounts that were deleted",
        "throws when the list is empty",
        "silently drops rows without a currency",
        "counts in bytes and not in characters",
        "caches for ten minutes, even errors",
        "is not safe to call from two threads",
        "mutates the dict it is given",
        "swallows the timeout and answers false",
    ),
    "tool": ("pnpm", "uv", "just", "bazel", "nox", "turbo", "task", "poetry"),
    "team": ("platform", "growth", "payments", "data", "mobile", "core"),
    "region": ("eu-west-1", "eu-central-1", "us-east-2", "ap-south-1", "ca-central-1"),
    "weekday": ("Monday", "Tuesday", "Wednesday", "Thursday"),
    "branch": ("release/*", "trunk", "stable", "next", "train/*"),
    "month": ("March", "May", "July", "September", "November"),
    "none": ("",),
}

FACTS: tuple[Fact, ...] = (
    Fact(
        name="db_port",
        kind="fact",
        subjects="env",
        values="port",
        says=(
            "The {s} database listens on port {v}",
            "Postgres of {s} is reached through {v}, not the default port",
        ),
        asks=(
            (
                "which port do I use to connect to the {s} database?",
                "what port is Postgres on in {s}?",
            ),
            ("psql cannot connect to {s}, what is the right port number there?", "{s} DB port"),
        ),
        asks_all=("list the database ports of all environments",),
    ),
    Fact(
        name="service_port",
        kind="fact",
        subjects="service",
        values="port",
        says=("Locally the {s} service binds to localhost:{v}", "{s} service: dev port {v}"),
        asks=(
            (
                "on what port does the {s} service run locally?",
                "I want to curl the {s} service on my machine, which port?",
            ),
            ("local address of the {s} service", "where does {s} listen during development?"),
        ),
    ),
    Fact(
        name="pin",
        kind="decision",
        subjects="package",
        values="version",
        says=(
            "{s} stays pinned to {v}: {reason}",
            "Do not upgrade {s} beyond {v}, because {reason}",
        ),
        asks=(
            ("why are we holding {s} back?", "can I bump {s} to the latest release?"),
            ("which version of {s} are we locked to?", "is there a reason not to update {s}?"),
        ),
    ),
    Fact(
        name="null_gotcha",
        kind="gotcha",
        subjects="function",
        values="absence",
        says=("{s} {v}", "Careful: {s} {v}", "`{s}` {v}, so check before you use it"),
        asks=(
            ("what should I watch out for when calling {s}?", "{s} behaves strangely"),
            ("any known trap with {words}?", "pitfalls of {s}"),
        ),
    ),
    Fact(
        name="error_fix",
        kind="fix",
        subjects="error",
        values="problem",
        says=("{s} means {v}. Fix: {cure}", "When {s} shows up, {v}; {cure}"),
        asks=(
            ("we are getting {s} again", "how did we solve {s}?"),
            ("deployment dies with {s}, what now?", "meaning of {s}"),
        ),
    ),
    Fact(
        name="flaky",
        kind="gotcha",
        subjects="test",
        values="cause",
        says=("{s} is flaky because {v}", "The random failures of {s}: {v}"),
        asks=(
            ("why does {s} fail now and then?", "{s} is red on CI but green here"),
            ("{s} passes only sometimes", "what makes {words} unstable?"),
        ),
    ),
    Fact(
        name="timeout",
        kind="fact",
        subjects="vendor",
        values="seconds",
        says=("Calls to {s} time out after {v}", "The HTTP client for {s} gives up after {v}"),
        asks=(
            ("how long do we wait for {s} to answer?", "what timeout is set for {s} requests?"),
            ("after how much time does a request to {s} get abandoned?", "{s} client timeout"),
        ),
    ),
    Fact(
        name="rate_limit",
        kind="gotcha",
        subjects="vendor",
        values="count",
        says=(
            "{s} allows us {v} requests a second, above that it answers 429",
            "Our {s} contract is limited to {v} calls per second",
        ),
        asks=(
            ("how many requests may we send to {s}?", "{s} throttles us, what is the quota?"),
            ("what is the rate limit of {s}?", "{s} returns too many requests"),
        ),
    ),
    Fact(
        name="cron",
        kind="fact",
        subjects="job",
        values="clock",
        says=("The {s} job starts at {v}", "Schedule of the {s} job: every day, {v}"),
        asks=(
            ("when does the {s} job run?", "at what time is the {s} kicked off?"),
            ("what hour is {s} scheduled for?", "cron time of {s}"),
        ),
        asks_all=("when do our scheduled jobs run?",),
    ),
    Fact(
        name="job_lock",
        kind="gotcha",
        subjects="job",
        values="none",
        says=(
            "Never run two instances of the {s} job, it has no lock and doubles the rows",
            "The {s} job is not idempotent: a second run duplicates everything",
        ),
        asks=(
            (
                "may I start the {s} job by hand while it is running?",
                "is it safe to rerun the {s} job?",
            ),
            ("can {s} be executed twice?", "what happens if {s} is launched in parallel?"),
        ),
    ),
    Fact(
        name="retention",
        kind="decision",
        subjects="store",
        values="days",
        says=(
            "Rows of {s} are kept {v} and then purged",
            "We keep {s} for {v}; legal asked for it",
        ),
        asks=(
            ("how long is data in {s} stored?", "when do old {s} get deleted?"),
            ("retention period of {s}", "what is the age limit for {s} records?"),
        ),
    ),
    Fact(
        name="index",
        kind="fix",
        subjects="store",
        values="none",
        says=(
            "The slow list of {s} was cured by a partial index on (tenant_id, created_at)",
            "Query on {s} went from 4 s to 20 ms with a covering index",
        ),
        asks=(
            ("what did we do about the slow {s} query?", "how was reading {s} sped up?"),
            (
                "performance of {s} lookups is bad, was that handled before?",
                "{s} select takes seconds",
            ),
        ),
    ),
    Fact(
        name="owner",
        kind="fact",
        subjects="service",
        values="team",
        says=("The {v} team owns the {s} service", "Ask the {v} team about anything in {s}"),
        asks=(
            ("who is responsible for {s}?", "which team maintains the {s} service?"),
            ("whom do I contact about {s}?", "ownership of the {s} service"),
        ),
    ),
    Fact(
        name="memory",
        kind="fact",
        subjects="service",
        values="memory",
        says=(
            "{s} pods are limited to {v} of memory",
            "The {s} container gets {v}; below that it is OOM-killed",
        ),
        asks=(
            (
                "how much RAM does the {s} service get?",
                "{s} was killed for memory, what is its limit?",
            ),
            ("memory ceiling of {s}", "what are the {s} pod resources?"),
        ),
    ),
    Fact(
        name="queue",
        kind="decision",
        subjects="service",
        values="broker",
        says=(
            "{s} publishes its events over {v}",
            "We chose {v} as the message broker for {s}, for its replay",
        ),
        asks=(
            ("what message queue does {s} use?", "how does {s} send events?"),
            ("which broker did we pick for {s}?", "event transport of the {s} service"),
        ),
    ),
    Fact(
        name="style",
        kind="preference",
        subjects="person",
        values="none",
        says=(
            "{s} wants commits small and rebased, never merge commits",
            "{s} asks for a linear history: rebase, no merges",
        ),
        asks=(
            ("how does {s} like commits to be made?", "should I merge or rebase for {s}?"),
            ("git habits of {s}", "what history does {s} prefer?"),
        ),
    ),
    Fact(
        name="review",
        kind="preference",
        subjects="person",
        values="none",
        says=(
            "{s} reads reviews only before noon, and wants a test in every pull request",
            "For a review by {s}: tests first, description with before and after",
        ),
        asks=(
            (
                "what does {s} expect in a code review?",
                "I need {s} to approve my pull request, anything to mind?",
            ),
            ("how to get a PR past {s}", "{s} review rules"),
        ),
    ),
    Fact(
        name="config_path",
        kind="fact",
        subjects="service",
        values="path",
        says=("Settings of the {s} service live in {v}", "{s} reads its configuration from {v}"),
        asks=(
            ("where is {s} configured?", "which file holds the {s} settings?"),
            ("path of the {s} config", "I must change an option of {s}, where?"),
        ),
    ),
    Fact(
        name="generated",
        kind="gotcha",
        subjects="path",
        values="tool",
        says=(
            "{s} is generated, do not edit it; run `{v} run codegen`",
            "Never touch {s} by hand: `{v} run codegen` writes it",
        ),
        asks=(
            ("may I edit {s}?", "my change in {s} disappeared"),
            ("how is {s} produced?", "how to regenerate {s}"),
        ),
    ),
    Fact(
        name="bucket",
        kind="fact",
        subjects="service",
        values="region",
        says=("{s} uploads go to the bucket in {v}", "Files of {s} are stored in {v}"),
        asks=(
            ("in which region are {s} files stored?", "where do uploads of {s} end up?"),
            ("cloud region of the {s} storage", "location of the {s} bucket"),
        ),
    ),
    Fact(
        name="removal",
        kind="plan",
        subjects="function",
        values="version",
        says=(
            "{s} is deprecated and goes away with {v}",
            "Plan: drop {s} in {v}, callers move to the async variant",
        ),
        asks=(
            ("when will {s} be removed?", "is {s} still supported?"),
            ("can I keep using {s}?", "is {words} going away?"),
        ),
    ),
    Fact(
        name="migration",
        kind="plan",
        subjects="service",
        values="month",
        says=(
            "{s} moves to the new cluster in {v}",
            "In {v} we will migrate {s} off the old machines",
        ),
        asks=(
            ("when is {s} being migrated?", "what is the schedule for moving {s}?"),
            ("which month does {s} switch clusters?", "plans for the {s} relocation"),
        ),
    ),
    Fact(
        name="batch",
        kind="fact",
        subjects="job",
        values="count",
        says=("{s} works in batches of {v}; larger ones time out", "Batch size of {s} is {v}"),
        asks=(
            ("how many rows does {s} take at once?", "what is the chunk size in {s}?"),
            ("can I let {s} process more items per round?", "{s} batch size"),
        ),
    ),
    Fact(
        name="flag",
        kind="fact",
        subjects="service",
        values="flag",
        says=("The new {s} flow hides behind the flag {v}", "{v} switches the rewritten {s} on"),
        asks=(
            ("how do I turn on the new {s}?", "which feature toggle controls {s}?"),
            ("what flag gates the {s} rewrite?", "enable the reworked {s} flow"),
        ),
    ),
    Fact(
        name="deadlock",
        kind="fix",
        subjects="store",
        values="none",
        says=(
            "Deadlocks on {s} came from two lock orders; now rows are always locked by ascending id",
            "The {s} deadlock: lock parents before children",
        ),
        asks=(
            ("we see deadlocks when writing {s}", "in what order do I lock rows of {s}?"),
            ("transactions on {s} block each other", "lock order for {s}"),
        ),
    ),
    Fact(
        name="env_node",
        kind="fact",
        subjects="",
        values="version",
        says=(
            "CI and Docker run Node {v}; other versions fail the lockfile check",
            "Node is fixed at {v} through .nvmrc",
        ),
        asks=(
            ("which Node version do we run?", "which Node do I need to install?"),
            ("which runtime version passes the lockfile check?", "node release in CI"),
        ),
    ),
    Fact(
        name="money",
        kind="decision",
        subjects="",
        values="none",
        says=(
            "Amounts of money are integers in cents, never floats",
            "We store prices as whole cents to avoid rounding",
        ),
        asks=(
            ("how are monetary amounts represented?", "should a price be a float?"),
            ("what type do I use for currency values?", "decimal or integer for prices?"),
        ),
    ),
    Fact(
        name="utc",
        kind="decision",
        subjects="",
        values="none",
        says=(
            "Timestamps are stored in UTC; the browser converts to local time",
            "Every date is saved as UTC, time zones are applied in the frontend",
        ),
        asks=(
            (
                "in what time zone do we save dates?",
                "where are timestamps converted to local time?",
            ),
            ("timezone handling", "how to store a datetime here?"),
        ),
    ),
    Fact(
        name="ulid",
        kind="decision",
        subjects="",
        values="none",
        says=(
            "Primary keys are ULIDs made in the application, not serial numbers",
            "New tables get ULID primary keys: sortable and safe to expose",
        ),
        asks=(
            (
                "what kind of primary key do new tables get?",
                "are primary keys auto increment numbers?",
            ),
            ("how do we generate identifiers for rows?", "format of primary key ids"),
        ),
    ),
    Fact(
        name="pagination",
        kind="decision",
        subjects="",
        values="none",
        says=(
            "List endpoints page by an opaque cursor, offset was too slow",
            "Paging goes by cursor and limit, never by page number",
        ),
        asks=(
            ("how should a new list endpoint paginate?", "do we use offset for paging?"),
            ("paging scheme of the API", "how do clients fetch the next page of results?"),
        ),
    ),
    Fact(
        name="commit_format",
        kind="preference",
        subjects="",
        values="none",
        says=(
            "Commit subjects follow Conventional Commits with a scope",
            "Write commit messages as type(scope): summary",
        ),
        asks=(
            ("what format do commit messages have?", "how do I word the commit subject?"),
            ("commit message convention", "rules for naming commits"),
        ),
    ),
    Fact(
        name="quotes",
        kind="preference",
        subjects="",
        values="none",
        says=(
            "TypeScript here uses single quotes and no semicolons",
            "Formatting: no semicolons, single quotes, two spaces",
        ),
        asks=(
            ("do we put semicolons in TypeScript?", "single or double quotes?"),
            ("code formatting rules for ts files", "TypeScript formatting, semicolons or not?"),
        ),
    ),
    Fact(
        name="mocks",
        kind="preference",
        subjects="",
        values="none",
        says=(
            "No mocking of the database in tests: start a throwaway container",
            "Tests talk to a real Postgres container, mocks hid two bugs",
        ),
        asks=(
            ("may I mock the database in a unit test?", "what do tests use for persistence?"),
            ("fake or real DB when testing?", "test doubles policy"),
        ),
    ),
    Fact(
        name="test_cmd",
        kind="fact",
        subjects="",
        values="tool",
        says=(
            "Unit tests run with `{v} run test:unit`, integration ones need `docker compose up db` first",
            "To test: `{v} run test:unit`",
        ),
        asks=(
            ("how do I run the unit tests?", "command for the test suite"),
            ("which command executes the specs?", "how are tests launched?"),
        ),
    ),
    Fact(
        name="migrate_cmd",
        kind="fact",
        subjects="",
        values="tool",
        says=(
            "Schema migrations: `{v} run db:migrate`, one per pull request",
            "`{v} run db:migrate` brings the schema up to date",
        ),
        asks=(
            ("how do I apply database migrations?", "my schema is behind, what do I run?"),
            ("command to update the tables", "applying schema changes locally"),
        ),
    ),
    Fact(
        name="release_day",
        kind="fact",
        subjects="",
        values="weekday",
        says=("Releases go out on {v} mornings, never before a weekend", "We ship releases on {v}"),
        asks=(
            ("on which day do we release?", "what day do releases go out?"),
            ("what weekday are releases cut?", "release weekday"),
        ),
    ),
    Fact(
        name="branching",
        kind="decision",
        subjects="",
        values="branch",
        says=("Hotfixes branch off {v} and are cherry-picked back", "A hotfix starts from {v}"),
        asks=(
            ("where do I start a hotfix branch?", "base for an urgent fix"),
            ("which branch do emergency patches come from?", "hotfix procedure"),
        ),
    ),
    Fact(
        name="bom",
        kind="gotcha",
        subjects="",
        values="none",
        says=(
            "Excel opens our CSV exports only with a UTF-8 byte order mark",
            "CSV needs a BOM or umlauts break in Excel",
        ),
        asks=(
            (
                "special characters are garbled in the exported spreadsheet",
                "why do we write a BOM?",
            ),
            ("umlauts broken in Excel", "encoding of CSV downloads"),
        ),
    ),
    Fact(
        name="webhooks",
        kind="gotcha",
        subjects="",
        values="none",
        says=(
            "Payment webhooks arrive more than once: handlers are keyed by event id",
            "Webhook deliveries repeat, so store the event id and ignore the second",
        ),
        asks=(
            (
                "are webhooks delivered exactly once?",
                "a customer was charged twice after a webhook",
            ),
            ("duplicate webhook events", "idempotency of callbacks from the payment provider"),
        ),
    ),
    Fact(
        name="sdk_gpl",
        kind="decision",
        subjects="",
        values="none",
        says=(
            "Dependencies under GPL or AGPL are not allowed, legal decided",
            "Only MIT, BSD and Apache licensed libraries may be added",
        ),
        asks=(
            ("which licences may a dependency have?", "can I add an AGPL library?"),
            ("licence policy", "is a GPL package okay?"),
        ),
    ),
    Fact(
        name="log_json",
        kind="decision",
        subjects="",
        values="none",
        says=(
            "Logs are JSON lines with a request_id on each",
            "Log format: one JSON object per line, request_id required",
        ),
        asks=(
            (
                "what do log lines look like?",
                "which field ties the log entries of one request together?",
            ),
            ("logging format", "structured logging rules"),
        ),
    ),
    Fact(
        name="backup",
        kind="fact",
        subjects="",
        values="clock",
        says=(
            "Backups of the main database start at {v} and are tested monthly by a restore",
            "A full dump is taken at {v}",
        ),
        asks=(
            ("when are backups taken?", "how often is restoring tested?"),
            ("time of the nightly dump", "backup schedule"),
        ),
    ),
    Fact(
        name="base_image",
        kind="decision",
        subjects="",
        values="none",
        says=(
            "Docker images build on debian slim; Alpine's musl broke the native modules",
            "Base image is Debian slim and not Alpine, because of musl",
        ),
        asks=(
            ("which base image do our containers use?", "why not Alpine?"),
            ("FROM line for a new Dockerfile", "musl trouble"),
        ),
    ),
    Fact(
        name="rollback",
        kind="fact",
        subjects="",
        values="none",
        says=(
            "Roll back with `kubectl rollout undo`, then revert the migration by hand",
            "To undo a deploy: kubectl rollout undo and a manual down migration",
        ),
        asks=(
            (
                "how do I roll back a bad deployment?",
                "production is broken after the deploy, how to go back?",
            ),
            ("undo a release", "reverting to the previous build"),
        ),
    ),
    Fact(
        name="api_version",
        kind="decision",
        subjects="",
        values="none",
        says=(
            "API versions travel in the Accept header, not in the path",
            "We version the API through a header",
        ),
        asks=(
            ("how is the REST API versioned?", "does the API version go into the URL path?"),
            ("where does the client state the API version?", "versioning of endpoints"),
        ),
    ),
    Fact(
        name="cache_key",
        kind="fix",
        subjects="",
        values="none",
        says=(
            "The CI cache was stale because its key left out the lockfile hash",
            "The CI cache key must contain the hash of the lockfile, or old packages come back",
        ),
        asks=(
            ("why did CI restore old dependencies?", "what belongs in the CI cache key?"),
            ("stale cache in the pipeline", "the build server uses outdated packages"),
        ),
    ),
    Fact(
        name="colour",
        kind="preference",
        subjects="",
        values="none",
        says=(
            "Buttons use the brand teal only for the main action, everything else is grey",
            "UI: one brand teal button per page, for the main action",
        ),
        asks=(
            ("what colour should a secondary button be?", "when do I use the brand teal?"),
            ("button colours", "how to style the primary call to action"),
        ),
    ),
    Fact(
        name="language",
        kind="preference",
        subjects="",
        values="none",
        says=(
            "User-facing text is British English and never hard-coded: it goes through i18n keys",
            "UI strings: British spelling, never hard-coded",
        ),
        asks=(
            ("which English spelling do we use in the interface?", "may I hard-code a label?"),
            ("translations of UI text", "British or American English in the UI?"),
        ),
    ),
    Fact(
        name="tls",
        kind="gotcha",
        subjects="",
        values="days",
        says=(
            "The internal TLS certificate is renewed by hand every {v}",
            "Internal certs expire after {v} and nobody is warned",
        ),
        asks=(
            ("how are internal certificates renewed?", "when does the internal TLS cert expire?"),
            ("certificate lifetime inside the cluster", "cert renewal"),
        ),
    ),
    Fact(
        name="seed_user",
        kind="fact",
        subjects="",
        values="none",
        says=(
            "Dev login: demo@example.com, made by the seed script",
            "The seed script creates the development account demo@example.com",
        ),
        asks=(
            (
                "what account can I log in with locally?",
                "is there a login for local development?",
            ),
            ("demo credentials", "which login works in development?"),
        ),
    ),
    Fact(
        name="monorepo",
        kind="decision",
        subjects="",
        values="none",
        says=(
            "Frontend and backend stay in one repository, shared types live in packages/contracts",
            "We decided for a monorepo because of the package of shared types, contracts",
        ),
        asks=(
            (
                "why do frontend and backend share one repository?",
                "where are types shared by client and server?",
            ),
            ("monorepo reasons", "which package has the shared types?"),
        ),
    ),
    Fact(
        name="orm",
        kind="decision",
        subjects="",
        values="none",
        says=(
            "Reports are written in plain SQL, the ORM made them unreadable",
            "No ORM for reporting queries: raw SQL files under reports/",
        ),
        asks=(
            ("should reporting queries go through the ORM?", "how do we write reports?"),
            ("raw SQL or ORM for reports?", "where are report queries kept?"),
        ),
    ),
    Fact(
        name="hydration",
        kind="fix",
        subjects="",
        values="none",
        says=(
            "The hydration mismatch came from rendering Date.now() on the server",
            "Hydration warnings: never render the current time on the server",
        ),
        asks=(
            (
                "React complains about a hydration mismatch",
                "why does the server render differ from the client?",
            ),
            (
                "hydration warning in the console",
                "server-side rendered markup does not match the browser's",
            ),
        ),
    ),
    Fact(
        name="cors",
        kind="fix",
        subjects="",
        values="none",
        says=(
            "Preflight failed because the gateway stripped the Origin header; fixed in the gateway's allow list",
            "CORS preflight errors: the gateway must pass Origin through",
        ),
        asks=(
            ("the browser blocks our cross-origin request", "what was wrong with preflight?"),
            ("CORS problem", "preflight OPTIONS requests are rejected"),
        ),
    ),
)

SMALL_TALK: tuple[str, ...] = (
    "thanks, that looks good",
    "please continue",
    "write a haiku about autumn",
    "explain what a monad is",
    "add a docstring to this function",
    "what is 17 times 23?",
    "rename the variable tmp to total",
    "summarise this file",
    "ok do it",
    "translate this to French",
    "sort this list of cities by population",
    "why is the sky blue?",
    "fix the typo in line 12",
    "make the loop faster",
    "what does this regular expression match?",
    "undo your last edit",
    "convert this callback to async await",
    "write a bubble sort in Rust",
    "show me the diff",
    "how do I centre a div?",
    "what is the capital of Peru?",
    "refactor this into smaller functions",
)

# Plausible things that nobody ever wrote down.
ABSENT: tuple[str, ...] = (
    "how do we deploy the Android app to the Play Store?",
    "what is our GraphQL complexity limit?",
    "which Terraform workspace is used for DNS?",
    "how do I reset the VPN?",
    "what did we decide about dark mode?",
    "how are push notifications signed for iOS?",
    "which email template engine do we use?",
    "where is the Figma file for the onboarding?",
    "what is the WebSocket heartbeat interval?",
    "how do we anonymise personal data for analytics?",
    "which Elasticsearch analyzer handles German?",
    "how many shards does Mongo have?",
    "what is the SLA for support tickets?",
    "who approves the travel expenses?",
    "what is the naming scheme of Kubernetes namespaces?",
    "is Bluetooth pairing tested?",
    "how does single sign-on with Okta work here?",
    "where do Sentry alerts go?",
    "what is the minimum supported iOS version?",
    "which CSS framework did we choose?",
    "how do we generate PDF invoices?",
    "what were the results of the penetration test?",
    "which A/B testing tool is in use?",
    "how is the service worker updated?",
    "what is the password hashing algorithm?",
    "how do we handle GDPR deletion requests?",
    "what is the maximum upload size for videos?",
    "how are database connections pooled?",
    "does the scheduler support daylight saving time?",
    "which linter runs on Kotlin code?",
    "how is the search ranking tuned?",
    "what is the staging basic auth user?",
    "when is the next company offsite?",
    "how do I get access to the data warehouse?",
    "which ticket tracker do we use?",
    "where is the architecture diagram?",
    "what is the circuit breaker threshold?",
    "how do we test on Windows?",
    "which fonts are licensed?",
    "how are feature requests prioritised?",
)

NOISE: tuple[str, ...] = (
    "Looked at the {service} service, nothing odd in the logs",
    "Talked with {person} about {service}, no result yet",
    "{person} is away until next week",
    "Renamed a few variables in {path}",
    "Read the code of {function}, it is clear enough",
    "The meeting about {service} was moved",
    "Tried {package} for an hour and put it aside",
    "{test} ran green three times in a row",
    "{vendor} had an outage this morning, over by noon",
    "Cleaned up unused imports around {function}",
    "Paired with {person} on {store}",
    "The {job} job finished without errors today",
    "{env} was restarted after the kernel update",
    "Opened a ticket about {error}, waiting for an answer",
)
