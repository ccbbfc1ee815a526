#!/usr/bin/env python3
"""Writes tests/golden/train/{adamw,schedule,ranking_losses}.json: torch's AdamW with clipping, transformers' learning
rate schedules, and ranking losses in plain torch operations in float64 with autograd. Seeded; needs torch and
transformers."""
import itertools
import json
import pathlib

import torch
import transformers
from torch.nn import functional as F

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/train"
VERSIONS = {"torch": torch.__version__, "transformers": transformers.__version__}


def write(name, content):
    OUT.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"versions": VERSIONS, **content})
    (OUT / f"{name}.json").write_text(text + "\n")
    print(f"{name}.json: {len(text)} bytes")


# --- AdamW ---

STEPS = 20


def adamw_case(generator, weight_decay, max_norm, betas, eps):
    shapes = {"a": 7, "b": 5, "c": 1, "d": 4}
    groups = {"a": (1.0, True), "b": (16.0, True), "c": (16.0, False), "d": (1.0, False)}
    lr = 0.01
    tensors = {name: torch.randn(n, generator=generator) for name, n in shapes.items()}
    start = {name: t.tolist() for name, t in tensors.items()}
    gradients = [{name: (torch.randn(n, generator=generator) * 10.0 ** (step % 4 - 2)).tolist()
                  for name, n in shapes.items()} for step in range(STEPS)]
    params = {name: torch.nn.Parameter(t) for name, t in tensors.items()}
    optimizer = torch.optim.AdamW(
        [{"params": [params[n]], "lr": lr * factor, "weight_decay": weight_decay if decays else 0.0}
         for n, (factor, decays) in groups.items()], lr=lr, betas=betas, eps=eps)
    rates, norms, values = [], [], []
    for step in range(STEPS):
        rate = lr * min(1.0, step / 4)
        for group, (factor, _) in zip(optimizer.param_groups, groups.values()):
            group["lr"] = rate * factor
        for n, p in params.items():
            p.grad = torch.tensor(gradients[step][n])
        norm = torch.nn.utils.clip_grad_norm_(list(params.values()), max_norm) if max_norm else None
        optimizer.step()
        rates.append(rate)
        norms.append(None if norm is None else norm.item())
        values.append({n: p.tolist() for n, p in params.items()})
    state = {n: {"first": optimizer.state[p]["exp_avg"].tolist(), "second": optimizer.state[p]["exp_avg_sq"].tolist()}
             for n, p in params.items()}
    return {"weight_decay": weight_decay, "max_norm": max_norm, "betas": betas, "epsilon": eps, "start": start,
            "groups": {n: list(g) for n, g in groups.items()}, "gradients": gradients, "rates": rates, "norms": norms,
            "after_1": values[0], "after_10": values[9], "after_20": values[19], "moments": state}


def adamw():
    generator = torch.Generator().manual_seed(20261126)
    write("adamw", {"cases": [adamw_case(generator, 0.1, 1.0, (0.9, 0.999), 1e-8),
                              adamw_case(generator, 0.0, 0.0, (0.9, 0.999), 1e-8),
                              adamw_case(generator, 0.01, 5.0, (0.4, 0.95), 1e-3)]})


# --- schedules ---

def schedules():
    specific = {"cosine": [{}, {"num_cycles": 1.5}], "cosine_with_restarts": [{}, {"num_cycles": 3}],
                "polynomial": [{}, {"power": 2.0, "lr_end": 1e-5}], "inverse_sqrt": [{}, {"timescale": 7}],
                "cosine_with_min_lr": [{"min_lr_rate": 0.1}]}
    cases = []
    for name in ("constant", "constant_with_warmup", "linear", "cosine", "cosine_with_min_lr", "cosine_with_restarts",
                 "polynomial", "inverse_sqrt"):
        for kwargs, (total, warmup) in itertools.product(specific.get(name, [{}]),
                                                         [(10, 0), (10, 1), (23, 3), (5, 5), (1, 0), (4, 9)]):
            if name == "polynomial" and total == warmup:
                continue  # transformers divides by zero
            lr = 1e-4
            optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
            scheduler = transformers.get_scheduler(name, optimizer, warmup, total, dict(kwargs))
            factor = scheduler.lr_lambdas[0]
            cases.append({"name": name, "kwargs": kwargs, "total": total, "warmup": warmup, "learning_rate": lr,
                          "factors": [float(factor(step)) for step in range(total + 2)]})
    arguments = [(0, 100), (0.1, 45), (0.03, 7), (3, 100), (0.1, 10), (0.999, 1000)]
    warmups = [{"steps": s, "total": n,
                "warmup": transformers.TrainingArguments(output_dir="unused", warmup_steps=s).get_warmup_steps(n)}
               for s, n in arguments]
    write("schedule", {"cases": cases, "warmups": warmups})


# --- ranking losses: s scores, y labels, t teacher scores, o the teacher's order; all float64 ---

def pairs_before(target):
    return [(i, j) for i in range(len(target)) for j in range(len(target)) if target[i] > target[j]]


def softmax_ce(s, y, t, o):
    positive = (y > 0).double()
    if positive.sum() == 0:
        return (s * 0).sum()
    return F.cross_entropy(s[None], (positive / positive.sum())[None])


def ranknet_soft(s, target):
    upper = torch.triu(torch.ones(len(s), len(s)), diagonal=1).bool()
    if not upper.any():
        return (s * 0).sum()
    difference = (s[:, None] - s[None, :])[upper]
    return F.binary_cross_entropy_with_logits(difference, torch.sigmoid(target[:, None] - target[None, :])[upper])


def ranknet_hard(s, target):
    pairs = pairs_before(target)
    if not pairs:
        return (s * 0).sum()
    i, j = zip(*pairs)
    return F.softplus(s[list(j)] - s[list(i)]).mean()


def ranknet_order(s, y, t, o):
    target = torch.empty(len(s)).double()
    target[o] = -torch.arange(len(s)).double()
    return ranknet_hard(s, target)


def listnet(s, target, temperature=1.0):
    return F.kl_div(F.log_softmax(s / temperature, -1)[None], F.softmax(target / temperature, -1)[None],
                    reduction="batchmean")


def lambda_weighted(s, y, weight, cut, sigma):
    n = len(s)
    depth = cut or n
    rank = torch.empty(n).double()
    rank[torch.sort(s.detach(), descending=True, stable=True).indices] = torch.arange(1, n + 1).double()
    discount = torch.log2(1 + torch.arange(1, n + 1).double())
    ideal = ((2 ** torch.sort(y, descending=True).values - 1) / discount)[:depth].sum()
    loss = (s * 0).sum()
    if ideal == 0:
        return loss
    gain = (2 ** y - 1) / ideal
    for i, j in pairs_before(y):
        if rank[i] <= depth and rank[j] <= depth:
            loss = loss + (gain[i] - gain[j]).abs() * weight(rank[i], rank[j]) * F.softplus(-sigma * (s[i] - s[j]))
    return loss


def swap(a, b):
    return (1 / torch.log2(1 + a) - 1 / torch.log2(1 + b)).abs()


def distance(a, b):
    d = (a - b).abs()
    return (1 / torch.log2(1 + d) - 1 / torch.log2(2 + d)).abs()


def lambda_loss(s, y, cut):
    return lambda_weighted(s, y, distance, cut, 1.0) / torch.log(torch.tensor(2.0).double())


def margin_mse(s, y, t, o):
    n = len(s)
    pairs = [(i, j) for i in range(n) for j in range(n) if (i < j if y is None else y[i] > 0 and y[j] == 0)]
    if not pairs:
        return (s * 0).sum()
    i, j = map(list, zip(*pairs))
    return F.mse_loss(s[i] - s[j], t[i] - t[j])


def list_mle(s, y, t, o):
    ordered = s[o]
    return sum((torch.logsumexp(ordered[k:], 0) - ordered[k] for k in range(len(s))), (s * 0).sum())


# name, options, function
LOSSES = [
    ("softmax_ce", {}, softmax_ce),
    ("ranknet_binary", {}, lambda s, y, t, o: ranknet_soft(s, (y > 0).double())),
    ("ranknet_binary", {"hard": True}, lambda s, y, t, o: ranknet_hard(s, (y > 0).double())),
    ("ranknet_teacher", {}, lambda s, y, t, o: ranknet_soft(s, t)),
    ("ranknet_teacher", {"hard": True}, lambda s, y, t, o: ranknet_hard(s, t)),
    ("listnet", {}, lambda s, y, t, o: listnet(s, y)),
    ("listnet_teacher", {}, lambda s, y, t, o: listnet(s, t)),
    ("lambda_rank", {}, lambda s, y, t, o: lambda_weighted(s, y, swap, 0, 1.0)),
    ("lambda_rank", {"cut": 5, "sigma": 2.0}, lambda s, y, t, o: lambda_weighted(s, y, swap, 5, 2.0)),
    ("lambda_loss", {}, lambda s, y, t, o: lambda_loss(s, y, 0)),
    ("lambda_loss", {"cut": 5}, lambda s, y, t, o: lambda_loss(s, y, 5)),
    ("margin_mse", {}, margin_mse),
    ("margin_mse", {"no_labels": True}, lambda s, y, t, o: margin_mse(s, None, t, o)),
    ("list_mle", {}, list_mle),
    ("ranknet_order", {}, ranknet_order),
]


def mixed(s, y, t, o):
    main = 0.5 * ranknet_soft(s, (y > 0).double()) + 0.5 * softmax_ce(s, y, t, o)
    return 0.9 * main + 0.1 * 2.0 ** 2 * listnet(s, t, 2.0)


def group(generator, n, ties, spread):
    s = torch.randn(n, generator=generator) * spread
    t = torch.randn(n, generator=generator) * 3
    y = torch.randint(0, 4, (n,), generator=generator).float() * (torch.rand(n, generator=generator) < 0.5)
    if ties:
        s, t = torch.round(s), torch.round(t)
    if n and not ties:
        y = torch.zeros(n)
        y[0] = 1
    return s, y, t, torch.randperm(n, generator=generator)


def ranking_losses():
    generator = torch.Generator().manual_seed(7)
    groups = []
    for n in (1, 2, 3, 5, 8, 13, 20):
        for ties, spread in ((False, 1.0), (True, 2.0), (False, 40.0)):
            s32, y32, t32, o = group(generator, n, ties, spread)
            y, t = y32.double(), t32.double()
            values = []
            for name, options, function in [*LOSSES, ("mixed", {}, mixed)]:
                s = s32.double().requires_grad_()
                loss = function(s, y, t, o)
                loss.backward()
                values.append({"name": name, "options": options, "loss": loss.item(), "gradient": s.grad.tolist()})
            groups.append({"scores": s32.tolist(), "labels": y32.tolist(), "teacher_scores": t32.tolist(),
                           "teacher_order": o.tolist(), "values": values})
    write("ranking_losses", {"groups": groups})


if __name__ == "__main__":
    adamw()
    schedules()
    ranking_losses()
