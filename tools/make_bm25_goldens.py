#!/usr/bin/env python3
"""Writes tests/golden/search/*.json: what Lucene, driven as Anserini and pyserini drive it, makes of texts of our own.

  analysis.json   "texts": a text, its words by StandardTokenizer and its terms by Anserini's DefaultEnglishAnalyzer
                  (Porter); "stems": words and their Porter stems
  bm25.json       "passages" (id, text); for k1 and b, queries with the best passages, ids and scores as Lucene's
                  BM25Similarity has them, ties by id
JAR is the Anserini jar that a pyserini wheel holds (`pip install --no-deps pyserini==0.22.1`, in resources/jars).
Usage: make_bm25_goldens.py JAR OUT_FOLDER
"""
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

JAVA = r"""
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.*;
import com.fasterxml.jackson.databind.JsonNode;
import io.anserini.analysis.DefaultEnglishAnalyzer;
import io.anserini.search.query.BagOfWordsQueryGenerator;
import java.io.*;
import java.util.*;
import org.apache.lucene.analysis.*;
import org.apache.lucene.analysis.standard.StandardTokenizer;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;
import org.apache.lucene.document.*;
import org.apache.lucene.index.*;
import org.apache.lucene.search.*;
import org.apache.lucene.search.similarities.BM25Similarity;
import org.apache.lucene.store.ByteBuffersDirectory;
import org.apache.lucene.util.BytesRef;

public class Goldens {
  static final ObjectMapper MAPPER = new ObjectMapper();

  static ArrayNode tokens(TokenStream stream) throws IOException {
    ArrayNode out = MAPPER.createArrayNode();
    CharTermAttribute term = stream.addAttribute(CharTermAttribute.class);
    stream.reset();
    while (stream.incrementToken()) out.add(term.toString());
    stream.end();
    stream.close();
    return out;
  }

  static ObjectNode search(JsonNode in, float k1, float b, Analyzer analyzer) throws IOException {
    ByteBuffersDirectory directory = new ByteBuffersDirectory();
    IndexWriterConfig config = new IndexWriterConfig(analyzer);
    config.setSimilarity(new BM25Similarity(k1, b));
    try (IndexWriter writer = new IndexWriter(directory, config)) {
      for (JsonNode passage : in.get("passages")) {
        Document document = new Document();
        String id = passage.get(0).asText();
        document.add(new StringField("id", id, Field.Store.YES));
        document.add(new BinaryDocValuesField("id", new BytesRef(id)));
        document.add(new TextField("contents", passage.get(1).asText(), Field.Store.NO));
        writer.addDocument(document);
      }
      writer.forceMerge(1);
    }
    ObjectNode out = MAPPER.createObjectNode();
    out.put("k1", k1).put("b", b);
    ArrayNode queries = out.putArray("queries");
    try (IndexReader reader = DirectoryReader.open(directory)) {
      IndexSearcher searcher = new IndexSearcher(reader);
      searcher.setSimilarity(new BM25Similarity(k1, b));
      Sort sort = new Sort(SortField.FIELD_SCORE, new SortField("id", SortField.Type.STRING_VAL));
      for (JsonNode query : in.get("queries")) {
        ObjectNode one = queries.addObject();
        one.put("query", query.asText());
        ArrayNode ids = one.putArray("ids");
        ArrayNode scores = one.putArray("scores");
        Query lucene = new BagOfWordsQueryGenerator().buildQuery("contents", analyzer, query.asText());
        for (ScoreDoc hit : searcher.search(lucene, in.get("depth").asInt(), sort, true).scoreDocs) {
          ids.add(searcher.storedFields().document(hit.doc).get("id"));
          scores.add(hit.score);
        }
      }
    }
    return out;
  }

  public static void main(String[] arguments) throws IOException {
    JsonNode in = MAPPER.readTree(new File(arguments[0]));
    Analyzer english = DefaultEnglishAnalyzer.newStemmingInstance("porter");
    ObjectNode out = MAPPER.createObjectNode();
    out.put("lucene", org.apache.lucene.util.Version.LATEST.toString());
    ArrayNode texts = out.putArray("texts");
    for (JsonNode text : in.get("texts")) {
      ObjectNode one = texts.addObject();
      one.put("text", text.asText());
      StandardTokenizer tokenizer = new StandardTokenizer();
      tokenizer.setReader(new StringReader(text.asText()));
      one.set("words", tokens(tokenizer));
      one.set("terms", tokens(english.tokenStream("contents", text.asText())));
    }
    ObjectNode stems = out.putObject("stems");
    for (JsonNode word : in.get("stems")) {
      Tokenizer whole = new org.apache.lucene.analysis.core.KeywordTokenizer();
      whole.setReader(new StringReader(word.asText()));
      stems.put(word.asText(), tokens(new org.apache.lucene.analysis.en.PorterStemFilter(whole)).get(0).asText());
    }
    ArrayNode settings = out.putArray("settings");
    settings.add(search(in, 0.9f, 0.4f, english));
    settings.add(search(in, 1.2f, 0.75f, english));
    MAPPER.writeValue(new File(arguments[1]), out);
  }
}
"""

TEXTS = [
    "", " ", "Who invented the light bulb?", "The Queen's English isn't O'Neil's or the dogs' business.",
    "It’s Alice’s book; the ＇s mark: Bob＇s, BOB'S, 's, s's, it's's", "pi is 3.14, not 3,14 or 3'14; 1.000.000,00",
    "U.S.A. and the U.K. in e.g. A.I., i.e. Ph.D.s", "mail john.doe+tag@example.co.uk or see https://example.com/a_b?c=d&e=1.5#top",
    "state-of-the-art well-known x-ray T-shirt 2020-11-27 10:30:15", "snake_case _leading trailing_ __a__ ___ _ 1_000 a_1_b",
    "C++ C# F# .NET node.js AT&T R&D 50% $3.50 €2,5 #1 *star*", "naïve café Ærøskøbing İstanbul ẞ ﬁne Ǆ ΣΊΣΥΦΟΣ ЁЖИК",
    "e\u0301a\u0301 cafe\u0301 a\u00ADb zero\u200Bwidth\u200Djoin \uFEFFbom", "東京タワーは333メートルです。ひらがなカタカナ漢字々ー",
    "한국어 텍스트 abc한글 カ_a カa 1カ カ1", "ภาษาไทย ไม่มีช่องว่าง ລາວ မြန်မာ ខ្មែរ abcไทย123", "עברית צה\"ל ג'ירפה א\"ב\"ג א'' א'ב\"ג א.ב\"ג א\"ב.ג",
    "हिन्दी भाषा বাংলা தமிழ் عربي ١٢٣٤ ۱۲۳ ３.１４ ａｂｃ", "😀 👍🏽 👩‍👩‍👧‍👦 🇩🇪🇫🇷🇪 1️⃣ #️⃣ *⃣ ❤️ ☺ © ®️ ™ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 👩🏽‍🚒x",
    "ℹ🅰 🅰️b ⓜa Ⓜb", "𝐁𝐨𝐥𝐝 𐐀𐐨 𠮷野家 🈳", "x" * 255 + " " + "y" * 256 + " " + "z" * 600, "1." * 200, "a" * 254 + ".b", "a" * 253 + "😀b",
    "é" * 254 + "'s", "tab\tnew\nline\r\nand\u2028separator\u00a0space\u3000wide", "\u0301start with a mark \u200d😀 \u200d🏽",
    "caresses ponies ties caress cats feed agreed plastered bled motoring sing conflated troubled sized hopping tanned falling "
    "hissing fizzed failing filing happy sky relational conditional rational valenci hesitanci digitizer conformabli radicalli "
    "differentli vileli analogousli vietnamization predication operator feudalism decisiveness hopefulness callousness "
    "formaliti sensitiviti sensibiliti triplicate formative formalize electriciti electrical hopeful goodness revival allowance "
    "inference airliner gyroscopic adjustable defensible irritant replacement adjustment dependent adoption homologou "
    "communism activate angulariti homologous effective bowdlerize probate rate cease controll roll geology psychologi",
]
# One of every kind that the word breaks know, and what only looks like it.
MIXTURE = list("aZé1٣_'’\".:,;·-‿カーァｶ東々あ〆한אבกมခ๑") + [
    "\u0301", "\u00ad", "\u200d", "\ufe0f", "\ufe0e", "\u20e3", "😀", "👩", "🏽", "🇩", "🇫", "#", "*", "©", "🅰", "\U000e0067", "\U000e007f", " ",
    "\u0e31", "\u05f4", "\u05f3", "\uff07", "\uff0e", "\uff3f", "\u3099", "\uff9e", "𠮷", "𝐁", "i", "s", "\u037e", "\u2024", "\ufe13", "\u1fbf"]

ONSETS = ["", "b", "cr", "d", "st", "tr", "y", "qu", "pl", "é", "gy", "sk"]
RIMES = ["a", "ee", "ion", "al", "ow", "yx", "it", "op", "ess", "ull", "izz", "ay", "ey", "ent", "ät"]
SUFFIXES = """ s es ies sses ss eed eeds ed ing ated bled izing y ational tional enci anci izer bli abli alli entli eli ousli
ization ation ator alism iveness fulness ousness aliti iviti biliti logi icate ative alize iciti ical ful ness al ance ence er
ic able ible ant ement ment ent ion sion tion ou ism ate iti ous ive ize e ee le ell l tted lling fully nesses izations""".split(" ")
SUFFIXES = [s.strip() for s in SUFFIXES]


def random_texts(rng, count):
    for _ in range(count):
        yield "".join(rng.choice(MIXTURE) for _ in range(rng.randint(3, 24)))


def words_to_stem(rng, count):
    words = {onset + rime for onset in ONSETS for rime in RIMES}
    while len(words) < count:
        words.add("".join(rng.choice(ONSETS) + rng.choice(RIMES) for _ in range(rng.randint(1, 3)))
                  + re.sub(r"\s", "", rng.choice(SUFFIXES)))
    words |= {"a", "by", "yy", "yyy", "yyyed", "ion", "sion", "s", "ss", "ies", "ed", "ing", "eed", "aed", "😀😀ed", "éé", "ééed", "ée", "és"}
    return sorted(words)


def passages_and_queries(rng):
    vocabulary = sorted({rng.choice(ONSETS) + rng.choice(RIMES) + rng.choice(["", "s", "ing", "er", "ation"]) for _ in range(700)})
    weights = [1 / (rank + 3) for rank in range(len(vocabulary))]
    rng.shuffle(vocabulary)
    # Lengths on both sides of every step of the byte that holds them, up to some hundreds.
    lengths = [0, 1, 2, 3, 38, 39, 40, 41, 42, 55, 56, 57, 87, 88, 89, 300] + [rng.randint(3, 60) for _ in range(184)]
    passages = []
    for number, length in enumerate(lengths):
        words = rng.choices(vocabulary, weights, k=length)
        passages.append([f"p{number}", " ".join(words)])
    passages.append(["p3a", passages[3][1]])  # ties
    passages.append(["p20a", passages[20][1]])
    passages.append(["p200b", passages[20][1]])
    passages.append(["stop", "the of and to was will with"])
    queries = [" ".join(rng.choices(vocabulary, weights, k=rng.randint(1, 6))) for _ in range(16)]
    rare = vocabulary[-40:]
    queries += [f"{a} {b} {a}" for a, b in zip(rare[::8], rare[4::8])]
    queries += [passages[20][1], "nowhere to be found", "the", "", vocabulary[0] + " nowhere " + vocabulary[1].upper() + "'s"]
    return passages, queries


def main():
    jar, out = map(pathlib.Path, sys.argv[1:3])
    rng = random.Random(20261127)
    passages, queries = passages_and_queries(rng)
    request = {"texts": TEXTS + list(random_texts(rng, 700)), "stems": words_to_stem(rng, 1500), "passages": passages,
               "queries": queries, "depth": 30}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "Goldens.java").write_text(JAVA, encoding="utf-8")
        (folder / "in.json").write_text(json.dumps(request), encoding="utf-8")
        subprocess.run(["java", "-cp", jar, folder / "Goldens.java", folder / "in.json", folder / "out.json"], check=True)
        answer = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    versions = {"anserini": re.search(r"anserini-([\d.]+)-", jar.name).group(1), "lucene": answer["lucene"]}
    out.mkdir(parents=True, exist_ok=True)

    def write(name, value):
        (out / name).write_text(json.dumps({"versions": versions} | value, ensure_ascii=False, separators=(",", ":")) + "\n",
                                encoding="utf-8")
    write("analysis.json", {"texts": answer["texts"], "stems": answer["stems"]})
    write("bm25.json", {"passages": passages, "settings": answer["settings"]})


if __name__ == "__main__":
    main()
