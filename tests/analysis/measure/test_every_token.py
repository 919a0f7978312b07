import torch

from analysis.inference.prompt import Prompt
from analysis.measure.every_token import EveryToken
from analysis.measure.trace import MEAN


def test_the_mean_is_over_the_tokens_of_the_query() -> None:
    prompt = Prompt("", (1, 2, 3, 4), ("",) * 4, (True, False, False, False), 1, 2, "form")
    values_LKT = torch.tensor([[[9.0, 1.0, 3.0, 9.0], [9.0, 0.0, 4.0, 9.0]]], dtype=torch.float64)
    peak_LT = torch.tensor([[1.0, 0.5, 0.7, 1.0]], dtype=torch.float64)
    mean = EveryToken(prompt, ("a", "b"), values_LKT, peak_LT, "norm", "js").mean()
    assert mean.values_LK.tolist() == [[2.0, 2.0]] and mean.peak_L.tolist() == [0.6]
    assert (mean.lens, mean.position, mean.metric) == ("norm", MEAN, "js")
