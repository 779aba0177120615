"""An OpenAI-compatible server for fine-tuning and serving.

The rest of kaeshi speaks to it over that wire only, in-process or over HTTP.
"""
