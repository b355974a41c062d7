"""Writes schedules.json: learning rate factors of transformers' schedules. Run with transformers 5, torch 2.13.0."""

import json

import torch
from transformers import get_scheduler

NAMES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}
cases = []
for ours, theirs in NAMES.items():
    for total, warmup in ((10, 0), (10, 3), (37, 4), (5, 5)):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        scheduler = get_scheduler(theirs, optimizer, num_warmup_steps=warmup, num_training_steps=total)
        factors = []
        for _ in range(total):
            factors.append(scheduler.get_last_lr()[0])
            optimizer.step()
            scheduler.step()
        cases.append({"schedule": ours, "total": total, "warmup": warmup, "factors": factors})
with open("schedules.json", "w") as file:
    json.dump(cases, file, separators=(",", ":"))
    file.write("\n")
