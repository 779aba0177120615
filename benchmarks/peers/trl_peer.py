"""Plain TRL on rows that are already tokens, in the environment of the peers.

`python trl_peer.py SPEC`. Prints one line of JSON.
"""

import json
import resource
import sys
import time
import warnings
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

warnings.filterwarnings("ignore")


def main() -> None:
    """Train, judge what is held out, tell."""
    spec = json.loads(Path(sys.argv[1]).read_bytes())
    torch.set_num_threads(spec["threads"])
    model = AutoModelForCausalLM.from_pretrained(
        spec["base"],
        dtype=torch.bfloat16 if spec["bf16"] else torch.float32,
        attn_implementation="sdpa",
    )
    settings = SFTConfig(
        output_dir=spec["folder"],
        per_device_train_batch_size=spec["batch"],
        num_train_epochs=spec["epochs"],
        learning_rate=spec["rate"],
        lr_scheduler_type="linear",
        warmup_steps=spec["warm_up"],
        weight_decay=0.0,
        bf16=spec["bf16"],
        gradient_checkpointing=False,
        padding_free=spec["packing"],
        max_length=None,
        completion_only_loss=True,
        save_strategy="no",
        report_to=[],
        logging_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
        seed=spec["seed"],
        dataloader_num_workers=0,
        per_device_eval_batch_size=spec["batch"],
        dataset_kwargs={"skip_prepare_dataset": False},
    )
    rows = {
        name: Dataset.from_list(
            [{"input_ids": row["ids"], "completion_mask": row["mask"]} for row in spec[name]]
        )
        for name in ("train", "held")
    }
    trainer = SFTTrainer(
        model=model,
        args=settings,
        train_dataset=rows["train"],
        eval_dataset=rows["held"],
        processing_class=AutoTokenizer.from_pretrained(spec["base"]),
        peft_config=LoraConfig(
            r=spec["rank"],
            lora_alpha=spec["alpha"],
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
    )
    began = time.process_time()
    wall = time.perf_counter()
    trainer.train()
    trained = time.process_time() - began
    took = time.perf_counter() - wall
    loss = 0.0
    count = 0
    trainer.model.eval()
    for row in spec["held"]:  # one by one, so that both sides weigh every learned token alike
        ids = torch.tensor([row["ids"]])
        labels = torch.where(torch.tensor([row["mask"]]) == 1, ids, -100)
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=spec["bf16"]):
            learned = int((labels[:, 1:] != -100).sum())
            loss += float(trainer.model(input_ids=ids, labels=labels).loss) * learned
            count += learned
    print(
        json.dumps(
            {
                "cpu_s": trained,
                "wall_s": took,
                "steps": trainer.state.global_step,
                "held_out_loss": loss / count,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
