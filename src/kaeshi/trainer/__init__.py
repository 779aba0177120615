"""An OpenAI-compatible fine-tuning and serving server. It speaks to the rest over that wire only, in-process or over HTTP."""
