"""Rows of prompt and answer for the listwise adapters of the default model, from pairs of a query and its passage."""
import random
import re
import typing

import yaml

# Of the lists that are ranked so many stand by the teacher's scores for the first query, with so much noise on them: the order
# in which a weaker first stage gives them. The others are mixed.
SORTED, NOISE = 0.75, (4.0, 8.0, 12.0)
# What the teacher scores so high (a cosine of .35) answers too, but no more than so many of a list: they are named in order, and
# the others behind them keep the order in which they are shown.
RELEVANT, MOST_RELEVANT = 7.0, 4
# Lists of the first lesson.
COPY_SIZES, LONGEST_COPY = (4, 8, 12, 20), 80
# Those of the others; a passage is so many sentences that follow each other, and so much of a list are neighbours in their
# source: of one article.
SIZES, SENTENCES, NEIGHBOURS = (5, 10, 15, 20, 20), (1, 1, 2, 3), (0, 0.5, 1)
# Turns of a row. Which passages are asked for is drawn each time: what was asked says nothing about what will be.
TURNS = 12
# Reasoning speaks of so many words of the query, and of so many passages; so many turns of a row have one.
WORDS, SPOKEN_OF, REASONED = 6, 3, 4
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

    def again(self, query):
        """Another query about the same passages: what the prompt says behind them."""
        return self.text.partition("{passages}")[2].format(query=query)


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
    """A row that asks many queries [(query, its answer)] of the same passages, one turn each. Most of a row's tokens are the
    passages, which are read once for all of them."""
    (query, said), *others = asked
    turns = [(prompt(query, shown), said)] + [(prompt.again(query), said) for query, said in others]
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
        asked = draw.choices(range(len(shown)), k=TURNS)
        rows.append(ask_of(shown, [(shown[index], answer([index])) for index in asked], prompt))
    return rows


def shown_passages(passages, size, draw):
    """`size` different passages, mixed: some are neighbours, which are each other's hard negatives."""
    near = round(size * draw.choice(NEIGHBOURS))
    first = draw.randrange(len(passages) - near)
    shown = passages[first:first + near]
    shown += draw.sample([text for text in draw.sample(passages, size + near) if text not in shown], size - near)
    draw.shuffle(shown)
    return shown


def queries_of_passages(pairs):
    """{passage: its queries}, passages in the order of their source, where those of an article are neighbours."""
    queries = {}
    for row in pairs:
        queries.setdefault(row["positive"], []).append(row["query"])
    return queries


def joined(queries, sentences, longest):
    """{passage: its queries} where a passage is so many neighbours, and an answer lies within its first `longest` characters."""
    texts, passages = list(queries), {}
    for first in range(0, len(texts) - sentences + 1, sentences):
        passage, asked = "", []
        for text in texts[first:first + sentences]:
            passage += (" " if passage else "") + text
            if len(passage) <= longest:
                asked += queries[text]
        if asked:
            passages[passage[:longest]] = asked
    return passages


def draw_lists(pairs, prompt, draw, count):
    """Lists of passages with queries of some of them: [(passages, [(query, its passage)])]."""
    queries = queries_of_passages(pairs)
    sources = [joined(queries, sentences, prompt.characters) for sentences in SENTENCES]
    lists = []
    for _ in range(count):
        source = draw.choice(sources)
        shown = shown_passages(list(source), draw.choice(SIZES), draw)
        lists.append((shown, [(draw.choice(source[text]), text) for text in draw.choices(shown, k=TURNS)]))
    return lists


def make_questions(pairs, prompt, seed, count=1600):
    """The second lesson: which passage answers."""
    draw = random.Random(f"{seed} questions")
    return [ask_of(shown, [(query, answer([shown.index(text)])) for query, text in asked], prompt)
            for shown, asked in draw_lists(pairs, prompt, draw, count)]


class Ranking(typing.NamedTuple):
    query: str
    order: list    # of the indices of the passages
    relevant: int  # so many of them answer


def ranking_of(query, scores, best):
    others = sorted((i for i in range(len(scores)) if i != best and scores[i] >= RELEVANT), key=lambda i: -scores[i])
    named = [best, *others[:MOST_RELEVANT - 1]]
    return Ranking(query, named + [i for i in range(len(scores)) if i not in named], len(named))


def make_lists(pairs, prompt, score_all, seed, count=400):
    """Lists of passages with rankings of them: [(passages, [Ranking])].

    `score_all` gives a teacher's {(query, passage): score} of such pairs."""
    draw = random.Random(f"{seed} rankings")
    drawn = draw_lists(pairs, prompt, draw, count)
    scores = score_all([(query, text) for shown, asked in drawn for query, _ in asked for text in shown])
    lists = []
    for shown, asked in drawn:
        if draw.random() < SORTED:
            noise, first = draw.choice(NOISE), asked[0][0]
            shown.sort(key=lambda text: -(scores[first, text] + draw.gauss(0, noise)))
        lists.append((shown, [ranking_of(query, [scores[query, text] for text in shown], shown.index(best))
                              for query, best in asked]))
    return lists


def make_rankings(lists, prompt, seed):
    """Rows of rankings: of all turns but one only what answers is named.

    Where every turn names all passages, most of what is learned is to count on behind the last identifier, and a small model
    then does so from the first on. The one whole ranking shows how it goes on where the decoding asks for all."""
    draw, rows = random.Random(f"{seed} whole rankings"), []
    for shown, rankings in lists:
        whole = draw.randrange(len(rankings))
        rows.append(ask_of(shown, [(r.query, answer(r.order if turn == whole else r.order[:r.relevant]))
                                   for turn, r in enumerate(rankings)], prompt))
    return rows


def make_reasoned(lists, prompt):
    """Rows of rankings behind a reasoning."""
    return [ask_of(shown, [(r.query, f"{reasoning_of(r.query, shown, r.order[:r.relevant])}\n"
                                     f"### Final Reranking: {answer(r.order[:r.relevant])}") for r in rankings[:REASONED]], prompt)
            for shown, rankings in lists]
