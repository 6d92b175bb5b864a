// Chooses the pieces of OpenAI's o200k vocabulary that analytics/tokens.py counts as one token.
//
//   npm install --prefix /tmp/o200k gpt-tokenizer
//   node scripts/make_token_units.mjs /tmp/o200k FOLDER...
//
// FOLDERs hold English text, JSON and source code; only how often a piece occurs is used.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const MIN_FILES = 10; // a piece earns its place by occurring in this many files
// or, when it is a word, by being this early in the vocabulary; a word behind a space is never
// glued to another one, so it is safe to know more of these
const WORD_RANK = 15_000;
const SPACED_WORD_RANK = 30_000;
const ANY_RANK = 3_000;
const MAX_LENGTH = 14;
const MAX_TEXT_CHARS = 120_000_000;
const PIECE = /[\t -/:-@[-`{-~]?(?:[A-Z]*[a-z]+|[A-Z]+)| ?[!-/:-@[-`{-~]+[\r\n/]*| ?[\r\n]+|\t+/g;

const [home, ...folders] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(home), "package.json"));
const ranks = require("gpt-tokenizer/cjs/bpeRanks/o200k_base").default;

function* textFiles(folder) {
  for (const name of fs.readdirSync(folder, { recursive: true }).sort()) {
    if (/\.(py|md|rst|txt|json|js|ts|mjs|html|pod)$|METADATA|README|copyright/.test(name)) {
      const file = path.join(folder, name);
      if (fs.statSync(file, { throwIfNoEntry: false })?.isFile()) yield file;
    }
  }
}

const files = folders.flatMap((folder) => [...textFiles(folder)]);
const fileCounts = new Map();
let charCount = 0;
for (const file of files) {
  const text = fs.readFileSync(file, "utf8").slice(0, 60_000);
  charCount += text.length;
  if (charCount > MAX_TEXT_CHARS) break;
  for (const piece of new Set(text.match(PIECE) ?? [])) {
    fileCounts.set(piece, (fileCounts.get(piece) ?? 0) + 1);
  }
}

const isWord = (token) => /^[A-Za-z]+$/.test(token);
const ascii = [];
const other = [];
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
ranks.forEach((entry, rank) => {
  let token;
  try {
    token = typeof entry === "string" ? entry : strict.decode(Uint8Array.from(entry));
  } catch {
    return; // half a character
  }
  if (!token || /[0-9]/.test(token)) return;
  if (/^[^\x00-\x7f]+$/.test(token)) {
    // The last blank of a run is split off, so two blanks are never one token for certain.
    const length = [...token].length;
    if (length === 1 || (length === 2 && !/\s/.test(token))) other.push(token);
  } else if (/^[\x00-\x7f]+$/.test(token) && token.length <= MAX_LENGTH) {
    const isEarlyWord =
      isWord(token.trim()) && rank < (token[0] === " " ? SPACED_WORD_RANK : WORD_RANK);
    if ((fileCounts.get(token) ?? 0) >= MIN_FILES || isEarlyWord || rank < ANY_RANK) {
      ascii.push(token);
    }
  }
});

const words = new Set(ascii.filter(isWord));
const spaced = ascii.filter((token) => token[0] === " " && isWord(token.slice(1)));
// A mark joined to a word counts as one only when the word alone does too: otherwise a cut
// between two marks could make the second half cheaper than it was in the whole.
const marks = ascii.filter(
  (token) =>
    !isWord(token) &&
    (isWord(token.slice(1)) ? token[0] !== " " && words.has(token.slice(1)) : !/[A-Za-z]/.test(token)),
);
const units = {
  words: [...words].sort().join(" "),
  spaced_words: spaced.map((token) => token.slice(1)).sort().join(" "),
  marks: marks.sort(),
  other: other.sort().join(" "),
};
fs.writeFileSync("flowtrace_mcp/analytics/token_units.json", `${JSON.stringify(units, null, 0)}\n`);
console.log({ files: files.length, charCount, words: words.size, spaced: spaced.length, marks: marks.length, other: other.length });
