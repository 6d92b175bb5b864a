"""How the secrets of common issuers look, and what must be in a text for one to be there.

A pattern is tried only where one of its hints stands in the text: a hundred substring searches
cost less than one regular expression over the same text. Prefixes and lengths are the issuers'
own. Repeats are bounded or end at the first character that cannot belong, so that none of them
looks at a character more than a few times.
"""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPattern:
    """One sort of secret.

    Attributes:
        kind: What stands in its place, as ``[redacted:kind]``.
        hints: Substrings; without any of them the pattern cannot match.
        look: The secret itself, without what gives it away.
    """

    kind: str
    hints: tuple[str, ...]
    look: re.Pattern[str]


def _pattern(kind: str, hints: str, look: str, *, flags: int = 0) -> SecretPattern:
    """Return a pattern; hints are separated by blanks."""
    return SecretPattern(kind=kind, hints=tuple(hints.split()), look=re.compile(look, flags))


# The shortest issued secret is a Slack token: a word without a blank of so many characters.
ISSUED_LEAST_CHARACTERS: Final = 15
_PEM_NAME: Final = r"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?"
# Written after a scheme, so a slash ends it; `$NAME`, `{name}` and `<name>` are no passwords.
_LOGIN: Final = r"(?<=://)[^\s:/@\[]{0,200}:(?![$<{%\[])[^\s/@]{1,400}(?=@)"

# Told by what stands before them, or of several words.
TOLD_PATTERNS: Final = (
    _pattern(
        "private-key",
        "-----BEGIN",
        f"-----BEGIN {_PEM_NAME}-----.*?(?:-----END {_PEM_NAME}-----|\\Z)",
        flags=re.DOTALL,
    ),
    _pattern(
        "private-key",
        "PuTTY-User-Key-File-",
        r"PuTTY-User-Key-File-\d:.*?(?:Private-MAC: [0-9a-f]{1,128}|\Z)",
        flags=re.DOTALL,
    ),
    _pattern(
        "aws-secret",
        "secret Secret SECRET",
        r"(?i:(?<=secret key )|(?<=secret access key )|(?<=secret key is )"
        r"|(?<=secret access key is )|(?<=secret key: )|(?<=secret access key: ))"
        r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])",
    ),
    _pattern(
        "google-key-id", "private_key_id", r'(?<="private_key_id": ")[0-9a-f]{40}(?![0-9a-f])'
    ),
    _pattern("sentry-key", "://", r"(?<=://)[0-9a-f]{32}(?=@)"),
    _pattern("password", "://", _LOGIN),
    _pattern(
        "bearer-token",
        "earer EARER",
        r"(?i:(?<=bearer ))(?=[A-Za-z._~+/-]{0,200}\d)[A-Za-z0-9._~+/-]{20,}=*",
    ),
    _pattern(
        "basic-auth",
        "asic BASIC",
        r"(?i:(?<=authorization: basic )|(?<=authorization:basic ))[A-Za-z0-9+/]{8,}={0,2}",
    ),
)

# Single words of at least ``ISSUED_LEAST_CHARACTERS``.
ISSUER_PATTERNS: Final = (
    _pattern("age-key", "AGE-SECRET-KEY-1", r"\bAGE-SECRET-KEY-1[0-9A-Z]{58}"),
    # Clouds
    _pattern(
        "aws-key", "AKIA ASIA ABIA ACCA", r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}(?![0-9A-Za-z])"
    ),
    _pattern("google-key", "AIza", r"\bAIza[A-Za-z0-9_-]{35}"),
    _pattern("google-token", "ya29.", r"\bya29\.[A-Za-z0-9_.-]{20,}"),
    _pattern("google-secret", "GOCSPX-", r"\bGOCSPX-[A-Za-z0-9_-]{20,}"),
    _pattern(
        "azure-key",
        "AccountKey= SharedAccessKey= AccessKey=",
        r"(?<=Key=)[A-Za-z0-9+/]{40,88}={0,2}",
    ),
    _pattern("azure-sas", "sig=", r"(?<=[?&;]sig=)[A-Za-z0-9%+/_-]{40,200}={0,2}"),
    _pattern(
        "azure-secret", "Q~", r"(?<![\w~.-])[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}(?![\w~-])"
    ),
    _pattern("digitalocean-token", "_v1_", r"\bdo[opr]_v1_[a-f0-9]{64}"),
    _pattern("cloudflare-key", "v1.0-", r"\bv1\.0-[0-9a-f]{24}-[0-9a-f]{100,}"),
    _pattern("heroku-key", "HRKU-", r"\bHRKU-[A-Za-z0-9_-]{36,}"),
    _pattern(
        "vercel-token", "vcp_ vci_ vca_ vcr_ vck_", r"\bvc[piark]_[A-Za-z0-9]{24,}(?![A-Za-z0-9])"
    ),
    _pattern("netlify-token", "nfp_ nfc_ nfo_ nfu_ nfb_", r"\bnf[pcoub]_[A-Za-z0-9]{36,}"),
    _pattern("fly-token", "FlyV1 fm2_ fo1_", r"\b(?:fm[12]_|fo1_)[A-Za-z0-9+/=_-]{40,}"),
    _pattern("supabase-key", "sbp_ sb_secret_", r"\b(?:sbp_[0-9a-f]{40}|sb_secret_[\w-]{20,})"),
    _pattern("planetscale-key", "pscale_", r"\bpscale_(?:tkn|pw|oauth)_[\w.-]{32,}"),
    _pattern("vault-token", "hvs. hvb. hvr.", r"\bhv[sbr]\.[\w-]{24,}"),
    _pattern("terraform-token", ".atlasv1.", r"\b[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}"),
    _pattern("pulumi-token", "pul-", r"\bpul-[0-9a-f]{40}"),
    _pattern("doppler-token", "dp.", r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{40,}"),
    _pattern("tailscale-key", "tskey-", r"\btskey-[a-z]+-[\w-]{16,}"),
    # Code hosts and registries
    _pattern("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"\bgh[pousr]_[A-Za-z0-9]{36,}"),
    _pattern("github-token", "github_pat_", r"\bgithub_pat_[A-Za-z0-9_]{60,}"),
    _pattern(
        "gitlab-token",
        "glpat- gldt- glrt- glcbt- glptt- glft- glimt- glagent- glsoat- gloas- glffct-",
        r"\bgl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas|ffct)-[A-Za-z0-9_.-]{20,}",
    ),
    _pattern("bitbucket-token", "ATBB ATCTT3", r"\b(?:ATBB[A-Za-z0-9]{24,}|ATCTT3[\w=-]{50,})"),
    _pattern("atlassian-token", "ATATT3", r"\bATATT3[A-Za-z0-9_=-]{50,}"),
    _pattern("npm-token", "npm_", r"\bnpm_[A-Za-z0-9]{36,}"),
    _pattern("pypi-token", "pypi-", r"\bpypi-[A-Za-z0-9_-]{50,}"),
    _pattern("docker-token", "dckr_", r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}"),
    _pattern("rubygems-key", "rubygems_", r"\brubygems_[0-9a-f]{48}"),
    # Chat and mail
    _pattern("slack-token", "xox", r"\bxox[abceoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,}"),
    _pattern("slack-token", "xapp-", r"\bxapp-\d-[A-Za-z0-9-]{20,}"),
    _pattern(
        "slack-webhook",
        "hooks.slack.com",
        r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,}",
    ),
    _pattern(
        "discord-webhook",
        "/api/webhooks/",
        r"(?<=/api/webhooks/)\d{15,22}/[A-Za-z0-9_-]{40,}",
    ),
    _pattern(
        "discord-token",
        "MT Mj Mz ND NT Nj Nz OD OT",  # base 64 of a number
        r"(?<![\w.-])[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,45}(?![\w.-])",
    ),
    _pattern("teams-webhook", ".webhook.office.com", r"(?<=webhook\.office\.com/)\S{40,400}"),
    _pattern("telegram-token", ":AA", r"\b\d{8,10}:AA[A-Za-z0-9_-]{33}(?![\w-])"),
    _pattern("twilio-key", "SK", r"\bSK[0-9a-f]{32}(?![0-9A-Za-z])"),
    _pattern("sendgrid-key", "SG.", r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),
    _pattern("mailgun-key", "key-", r"key-[0-9a-f]{32}(?![0-9A-Za-z])"),
    _pattern("mailchimp-key", "-us", r"\b[0-9a-f]{32}-us\d{1,2}\b"),
    _pattern("brevo-key", "xkeysib-", r"\bxkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    # Money and shops
    _pattern(
        "stripe-key", "sk_ rk_ whsec_", r"\b(?:[rs]k_(?:live|test|prod)_|whsec_)[A-Za-z0-9]{16,}"
    ),
    _pattern("shopify-token", "shp", r"\bshp(?:at|ca|pa|ss|ua)_[A-Fa-f0-9]{32}"),
    _pattern("square-token", "sq0", r"\bsq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,}"),
    # Models
    _pattern("anthropic-key", "sk-ant-", r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    _pattern(
        "openai-key",
        "sk-",
        # Words joined by hyphens are no key: one of that length holds a digit.
        r"\bsk-(?=[A-Za-z_-]{0,200}\d)(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,}",
    ),
    _pattern("groq-key", "gsk_", r"\bgsk_[A-Za-z0-9]{40,}"),
    _pattern("xai-key", "xai-", r"\bxai-[A-Za-z0-9]{40,}"),
    _pattern("perplexity-key", "pplx-", r"\bpplx-[A-Za-z0-9]{32,}"),
    _pattern("huggingface-token", "hf_ api_org_", r"\b(?:hf_|api_org_)[A-Za-z0-9]{30,}"),
    _pattern("replicate-token", "r8_", r"\br8_[A-Za-z0-9]{37}"),
    _pattern("together-key", "tgp_v1_", r"\btgp_v1_[\w-]{32,}"),
    _pattern("langsmith-key", "lsv2_", r"\blsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    _pattern("tavily-key", "tvly-", r"\btvly-(?:dev-|prod-)?[A-Za-z0-9]{24,}"),
    _pattern("databricks-token", "dapi", r"\bdapi[0-9a-f]{32}(?:-\d)?\b"),
    # Work and watching
    _pattern("linear-key", "lin_", r"\blin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    _pattern("notion-token", "ntn_ secret_", r"\b(?:ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43})"),
    _pattern("airtable-token", "pat", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    _pattern("figma-token", "figd_", r"\bfigd_[\w-]{36,}"),
    _pattern("postman-key", "PMAK-", r"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    _pattern(
        "newrelic-key",
        "NRAK- NRJS- NRII- NRRA- NRIQ- NRAL",
        r"\b(?:NR(?:AK|II|RA|IQ)-[A-Za-z0-9_-]{27,32}|NRJS-[a-f0-9]{19}|[0-9a-f]{36}NRAL)\b",
    ),
    _pattern("sentry-token", "sntrys_ sntryu_", r"\bsntry[su]_[A-Za-z0-9+/=_-]{40,}"),
    _pattern("grafana-token", "glc_ glsa_", r"\bgl(?:c|sa)_[A-Za-z0-9+/_=]{32,}"),
    _pattern("posthog-key", "phx_", r"\bphx_[A-Za-z0-9]{32,}"),
    _pattern("1password-token", "ops_eyJ", r"\bops_eyJ[A-Za-z0-9+/_=-]{60,}"),
    # Whoever issued it
    _pattern(
        "jwt",
        "eyJ",
        r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]{8,}|\.(?![A-Za-z0-9_-]))",
    ),
)
