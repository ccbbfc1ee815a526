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
# Lists of the first two lessons, and how many of a list's passages are neighbours in their source: of one article.
COPY_SIZES, LONGEST_COPY = (4, 8, 12, 20), 80
QUESTION_SIZES, NEIGHBOURS = (5, 10, 15, 20, 20), (0, 0.5, 1)
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


def ask_of(shown, asked, prompt):
    """A row that asks many queries [(query, index of its passage)] of the same passages, one turn each; each answer names
    the best one alone. Most of a row's tokens are the passages, which are read once for all of them."""
    (query, best), *others = asked
    turns = [(prompt(query, shown), answer([best]))]
    turns += [(f"\n\nSearch Query: {query}.\n", answer([best])) for query, best in others]
    return {"instruction": turns[-1][0], "input": "", "output": turns[-1][1], "history": turns[:-1]}


def make_copies(pairs, prompt, seed, count=600):
    """The first lesson: the passages are queries, and the best one is the query itself.

    A small model that is given whole lists at once learns to answer with the order in which they are shown, and nothing
    else. From this it learns to find a text and to name its identifier."""
    draw = random.Random(f"{seed} copies")
    queries = list(dict.fromkeys(row["query"] for row in pairs if len(row["query"]) < LONGEST_COPY))
    rows = []
    for _ in range(count):
        shown = draw.sample(queries, draw.choice(COPY_SIZES))
        asked = [(query, index) for index, query in enumerate(shown)]
        draw.shuffle(asked)
        rows.append(ask_of(shown, asked, prompt))
    return rows


def make_questions(pairs, prompt, seed, count=1600):
    """The second lesson: which passage answers. `pairs` stand in the order of their source, where those of an article are
    neighbours: their passages are each other's hard negatives."""
    draw = random.Random(f"{seed} questions")
    queries = {}
    for row in pairs:
        queries.setdefault(row["positive"], []).append(row["query"])
    passages = list(queries)
    rows = []
    for _ in range(count):
        size = draw.choice(QUESTION_SIZES)
        near = round(size * draw.choice(NEIGHBOURS))
        first = draw.randrange(len(passages) - near)
        shown = passages[first:first + near]
        shown += draw.sample([text for text in draw.sample(passages, size + near) if text not in shown], size - near)
        draw.shuffle(shown)
        asked = [(draw.choice(queries[text]), index) for index, text in enumerate(shown)]
        draw.shuffle(asked)
        rows.append(ask_of(shown, asked, prompt))
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
