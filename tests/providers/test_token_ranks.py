"""Claims about providers/token_ranks.py."""

from kaeshi.providers.token_ranks import TiktokenCounter
from kaeshi.settings import load


def test_tokens_are_counted_as_openai_counts_them() -> None:
    counter = TiktokenCounter(load().models_dir)
    assert counter.count(["tiktoken is great!"], "gpt-4o-mini") == 6
    assert counter.count(["tiktoken is great!", "<|endoftext|>"], "gpt-3.5-turbo") > 6
