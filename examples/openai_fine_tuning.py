"""OpenAI's own fine-tuning flow.

Only OPENAI_BASE_URL points elsewhere: at `kaeshi trainer serve`, or any provider of that wire.

OPENAI_BASE_URL=http://127.0.0.1:8100/v1 OPENAI_API_KEY=none python examples/openai_fine_tuning.py
train.jsonl "When do you open?"
"""

import sys
import time
from pathlib import Path

from openai import OpenAI

path, question = sys.argv[1:3]
client = OpenAI()

file = client.files.create(file=Path(path), purpose="fine-tune")
job = client.fine_tuning.jobs.create(
    training_file=file.id,
    model="gpt-4o-mini",
    suffix="concierge",
    method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3}}},
)
while job.status not in {"succeeded", "failed", "cancelled"}:
    time.sleep(0.5)
    job = client.fine_tuning.jobs.retrieve(job.id)

for event in reversed(client.fine_tuning.jobs.list_events(job.id, limit=10).data):
    print(event.message)
if job.fine_tuned_model is None:
    sys.exit(f"{job.status}: {job.error}")
print(job.status, job.fine_tuned_model, job.trained_tokens, "tokens")

answer = client.chat.completions.create(
    model=job.fine_tuned_model, messages=[{"role": "user", "content": question}]
)
print(answer.choices[0].message.content)
