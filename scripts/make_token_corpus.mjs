// Recounts tests/data/o200k_corpus.json with a real o200k tokenizer, and searches anew for
// texts on which analytics/tokens.py comes closest to, or falls below, the true count.
//
//   npm install --prefix /tmp/o200k gpt-tokenizer
//   node scripts/make_token_corpus.mjs /tmp/o200k .venv/bin/python [SEED]
//
// To add a text by hand, append {"kind": ..., "text": ...} to the file and run this.
import fs from "node:fs";
import path from "node:path";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";

const CORPUS = "tests/data/o200k_corpus.json";
const ROUNDS = 4; // of breeding from the worst texts
const TEXTS_PER_ROUND = 300; // of each family
const KEPT_PER_FAMILY = 15;

const [home, python, seed = "1"] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(home), "package.json"));
const { encode } = require("gpt-tokenizer/cjs/encoding/o200k_base");
const vocabulary = require("gpt-tokenizer/cjs/bpeRanks/o200k_base").default;
const countTokens = (text) => encode(text, { disallowedSpecial: new Set() }).length;

function estimates(texts) {
  const program =
    "import json, sys\n" +
    "from flowtrace_mcp.analytics.tokens import estimate_tokens\n" +
    "print(json.dumps([estimate_tokens(t) for t in json.load(sys.stdin)]))";
  const run = spawnSync(python, ["-c", program], {
    input: JSON.stringify(texts),
    maxBuffer: 1 << 28,
  });
  if (run.status !== 0) throw new Error(run.stderr.toString());
  return JSON.parse(run.stdout);
}

let state = Number(seed) >>> 0;
function below(limit) {
  // xorshift32: the search must give the same corpus for the same seed
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % limit;
}
const pick = (items) => items[below(items.length)];
const repeat = (make, count) => Array.from({ length: count }, make);
const range = (first, last) => () => String.fromCodePoint(first + below(last - first + 1));

const tokens = vocabulary.filter((token) => typeof token === "string" && /^[\x00-\x7f]+$/.test(token));
const like = (pattern, rank) => tokens.filter((token, at) => at < rank && pattern.test(token));
const early = like(/^[A-Za-z]+$/, 12_000);
const lower = like(/^[a-z]+$/, 12_000);
const marked = like(/^[^A-Za-z0-9 ][A-Za-z]+$/, 60_000);
const marks = like(/^[^A-Za-z0-9]+$/, 60_000);
const families = {
  lower: range(0x61, 0x7a),
  upper: range(0x41, 0x5a),
  ascii: range(0x20, 0x7e),
  hex: () => pick([..."0123456789abcdef"]),
  marks: () => pick([..."!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ \n"]),
  blanks: () => pick([" ", "\n", "\t", "\r", "  ", "a", "1", ".", "\u00a0"]),
  glued: () => pick(early),
  glued_lower: () => pick(lower),
  glued_marks: () => pick(marks),
  marked_words: () => pick(marked),
  words: () => ` ${pick(lower)}${pick(lower)}`,
  latin: range(0xa0, 0x24f),
  cyrillic: range(0x410, 0x44f),
  arabic: range(0x620, 0x64a),
  han: range(0x4e00, 0x9fa5),
  kana_hangul: () => (below(2) ? range(0x3041, 0x30ff)() : range(0xac00, 0xd7a3)()),
  emoji: () => (below(4) ? range(0x1f300, 0x1f6ff)() : pick(["\u200d", "\ufe0f", " "])),
  unicode: () => pick([range(0xa0, 0xd7ff), range(0xe000, 0xffff), range(0x10000, 0x1ffff)])(),
};

function mutated(parts, make) {
  const copy = [...parts];
  for (let edits = 1 + below(3); edits > 0; edits -= 1) copy[below(copy.length)] = make();
  return copy;
}

function worstOf(kind, make) {
  let pool = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const fresh = repeat(() => repeat(make, 4 + below(round % 2 ? 80 : 20)), TEXTS_PER_ROUND);
    const bred = pool.flatMap(({ parts }) => repeat(() => mutated(parts, make), 20));
    const candidates = [...fresh, ...bred];
    const guesses = estimates(candidates.map((parts) => parts.join("")));
    candidates.forEach((parts, at) => {
      const text = parts.join("");
      const count = countTokens(text);
      pool.push({ parts, text, tokens: count, ratio: guesses[at] / count });
    });
    pool = [...new Map(pool.map((entry) => [entry.text, entry])).values()]
      .sort((left, right) => left.ratio - right.ratio)
      .slice(0, KEPT_PER_FAMILY);
  }
  console.log(kind.padEnd(14), pool[0].ratio.toFixed(3), JSON.stringify(pool[0].text.slice(0, 60)));
  return pool.map(({ text, tokens: count }) => ({ kind: `found_${kind}`, text, tokens: count }));
}

const kept = JSON.parse(fs.readFileSync(CORPUS, "utf8"))
  .filter(({ kind }) => !kind.startsWith("found_"))
  .map(({ kind, text }) => ({ kind, text, tokens: countTokens(text) }));
const found = Object.entries(families).flatMap(([kind, make]) => worstOf(kind, make));
const lines = [...kept, ...found].map((entry) => JSON.stringify(entry));
fs.writeFileSync(CORPUS, `[\n${lines.join(",\n")}\n]\n`);
const guesses = estimates(kept.map(({ text }) => text));
kept.forEach((entry, at) => {
  if (guesses[at] < entry.tokens) console.log("UNDER", guesses[at], entry.tokens, entry.text);
});
