"""Golden values of the losses on scores, teachers and spread: losses and gradients of the embeddings.

Run with sentence-transformers 6.2.0 and torch 2.13.0: python targets.py > targets.json
"""

import json
import warnings

import torch
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.util import pairwise_cos_sim

warnings.filterwarnings("ignore")
torch.manual_seed(5)
rows, dimension = 6, 7
columns = [torch.randn(rows, dimension) + 1.0 for _ in range(4)]  # off the centre: cosines have a mean
scores = torch.tensor([0.9, 0.2, 0.5, 0.5, 0.0, 0.7])
teacher = torch.tensor([[4.0, 1.5, -0.5], [2.0, 2.5, 0.0], [3.0, -1.0, 1.0]] * 2) + torch.arange(6)[:, None] * 0.25
teacher_vectors = [torch.randn(rows, dimension) for _ in range(2)]


def golden(name, count, labels, loss, **fields):
    """The loss of the first `count` columns of embeddings, and its gradient for each of them."""
    embeddings = [column.clone().requires_grad_() for column in columns[:count]]
    value = loss.compute_loss_from_embeddings(embeddings, labels)
    if isinstance(value, dict):
        value = sum(value.values())
    value.backward()
    return {
        "name": name,
        "loss": value.item(),
        "gradients": [embedding.grad.flatten().tolist() for embedding in embeddings],
        **fields,
    }


class NoModel:
    """The losses keep the model, and do not ask it anything."""


def build(kind, **arguments):
    loss = kind.__new__(kind)
    torch.nn.Module.__init__(loss)
    kind.__init__(loss, NoModel(), **arguments)
    return loss


cases = [
    golden("cosent", 2, scores, build(losses.CoSENTLoss)),
    golden("angle", 2, scores, build(losses.AnglELoss)),
    golden("cosine-mse", 2, scores, build(losses.CosineSimilarityLoss)),
    golden(
        "kl-cosine",
        4,
        teacher,
        build(
            losses.DistillKLDivLoss,
            similarity_fct=pairwise_cos_sim,
            student_temperature=0.05,
            teacher_temperature=2.0,
        ),
    ),
    golden("margin-mse", 4, teacher, build(losses.MarginMSELoss)),
    golden("margin-mse-cosine", 4, teacher, build(losses.MarginMSELoss, similarity_fct=pairwise_cos_sim)),
    golden("embedding-mse", 2, teacher_vectors, build(losses.MSELoss)),
    golden("orthogonality", 2, None, build(losses.GlobalOrthogonalRegularizationLoss)),
    golden(
        "orthogonality-second",
        2,
        None,
        build(losses.GlobalOrthogonalRegularizationLoss, mean_weight=0.0, second_moment_weight=0.5),
    ),
]
print(
    json.dumps(
        {
            "rows": rows,
            "dimension": dimension,
            "columns": [column.flatten().tolist() for column in columns],
            "scores": scores.tolist(),
            "teacher": teacher.flatten().tolist(),
            "teacherVectors": [vectors.flatten().tolist() for vectors in teacher_vectors],
            "cases": cases,
        }
    )
)
