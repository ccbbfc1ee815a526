"""Rows of prompt and answer for the listwise adapters of the default model, from scored lists of passages."""
import random
import re

import yaml

# A row shows so many passages. The longest lists twice: they are what the adapter is for.
SIZES = (5, 8, 12, 20, 20)
# Half of the rows show their passages mixed, half by the teacher's scores with so much noise on them (the scores of a
# list lie about 3 apart): the order in which a weaker first stage gives them.
NOISE = (1.0, 2.0, 4.0)
# Scores that lie in one step of this width are taken for equal: such passages keep the order in which they are shown.
STEP = 2.0
# Lists of the first two lessons.
COPY_SIZES, LONGEST_COPY = (2, 3, 4), 80
FEW_SIZES, SHARE_OF_EASY = (2, 3, 4, 5), 0.4
# Reasoning speaks of so many words of the query, and of so many passages.
WORDS, SPOKEN_OF = 6, 3
STOP_WORDS = frozenset(
    "a about after all also an and any are as at be been before being between both but by can could did do does during each "
    "for from get gets had has have he her his how i if in into is it its kind many may me more most much my name named no "
    "not of on one or other our out over per she should so some such than that the their them then there these they this "
    "those through to type under up use used using was we were what when where which while who whom whose why will with "
    "would you your".split())
WORD = re.compile(r"[^\W_]+(?:[.'’-][^\W_]+)*")


class CardPrompt:
    """The prompt of a plain listwise recipe that cuts by characters, as `dear rerank` writes it."""

    def __init__(self, recipe_file):
        recipe = yaml.safe_load(recipe_file.read_text(encoding="utf-8"))
        self.text, self.passage = recipe["prompt"]["text"], recipe["prompt"]["passage"]
        self.characters = recipe["passage"]["cut"]["chars"]

    def __call__(self, query, passages):
        lines = [self.passage.format(id=i, passage=text[:self.characters]) for i, text in enumerate(passages)]
        return self.text.format(num=len(passages), query=query, passages="\n".join(lines))


def words_of(text):
    return [word.lower() for word in WORD.findall(text)]


def query_words(query):
    words = [word for word in dict.fromkeys(words_of(query)) if word not in STOP_WORDS]
    return words[:WORDS]


def has_word(word, passage_words):
    """Whether a word of the passage is this one or another form of it: all but the last letters are the same."""
    stem = word if len(word) < 5 else word[:max(4, len(word) - 2)]
    return any(other == word or (len(word) >= 5 and other.startswith(stem)) for other in passage_words)


def reasoning_of(query, passages, order):
    """Which of the query's words the best passages have: what is said is true of the texts."""
    asked = query_words(query)
    said = ["The search is about " + ", ".join(asked or ["something else"]) + "."]
    for index in order[:SPOKEN_OF]:
        own = words_of(passages[index])
        found = [word for word in asked if has_word(word, own)]
        said.append(f"[{index}] has " + (", ".join(found) if found else "other words") + ".")
    return " ".join(said)


def answer(order):
    return " > ".join(f"[{i}]" for i in order)


def make_copies(lists, prompt, seed, count=4000):
    """The first lesson: the passages are queries, and the best one is the query itself.

    A small model that is given whole lists at once learns to answer with the order in which they are shown, and nothing
    else. From this it learns within some hundred rows to find a text and to name its identifier."""
    draw = random.Random(f"{seed} copies")
    queries = list(dict.fromkeys(row["query"] for row in lists if len(row["query"]) < LONGEST_COPY))
    rows = []
    for _ in range(count):
        shown = draw.sample(queries, draw.choice(COPY_SIZES))
        best = draw.randrange(len(shown))
        order = [best] + [i for i in range(len(shown)) if i != best]
        rows.append({"instruction": prompt(shown[best], shown), "input": "", "output": answer(order)})
    return rows


def make_few(lists, prompt, seed):
    """The second lesson: few passages, mixed; part of the rows have positives of other queries for negatives."""
    draw = random.Random(f"{seed} few")
    positives = [row["positive"] for row in lists]
    rows = []
    for row in lists:
        count = draw.choice(FEW_SIZES)
        if draw.random() < SHARE_OF_EASY:
            negatives = [text for text in draw.sample(positives, count - 1) if text != row["positive"]]
        else:
            negatives = draw.sample(row["negatives"], min(count - 1, len(row["negatives"])))
        scores = dict(zip(row["negatives"], row["scores"][1:]))
        shown = [row["positive"], *negatives]
        draw.shuffle(shown)
        order = sorted(range(len(shown)), key=lambda i: (shown[i] != row["positive"], -scores.get(shown[i], 0)))
        rows.append({"instruction": prompt(row["query"], shown), "input": "", "output": answer(order)})
    return rows


def make_rows(lists, prompt, seed):
    """Rows of each list {"query", "positive", "negatives", "scores"}: one without reasoning, one with it.

    The answer puts the positive first, and the others by the teacher's scores."""
    plain, reasoned = [], []
    for number, row in enumerate(lists):
        draw = random.Random(f"{seed} {number}")
        count = min(draw.choice(SIZES), 1 + len(row["negatives"]))
        negatives = draw.sample(list(zip(row["negatives"], row["scores"][1:])), count - 1)
        shown = [(row["positive"], row["scores"][0]), *negatives]
        draw.shuffle(shown)
        if draw.random() < 0.5:
            noise = draw.choice(NOISE)
            shown.sort(key=lambda passage: -(passage[1] + draw.gauss(0, noise)))
        passages = [text[:prompt.characters] for text, _ in shown]
        order = sorted(range(count), key=lambda i: (shown[i][0] != row["positive"], -round(shown[i][1] / STEP)))
        instruction = prompt(row["query"], passages)
        plain.append({"instruction": instruction, "input": "", "output": answer(order)})
        reasoned.append({"instruction": instruction, "input": "",
                         "output": f"{reasoning_of(row['query'], passages, order)}\n### Final Reranking: {answer(order)}"})
    return plain, reasoned
