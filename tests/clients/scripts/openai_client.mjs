// OpenAI's JavaScript SDK: chat with a tool, three turns.
import OpenAI from "openai";

const [url, mode, opening] = process.argv.slice(2);
const client = new OpenAI({ baseURL: url, apiKey: "none" });
const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } } }];
const messages = [];

async function ask() {
  const about = { model: "concierge", messages, tools };
  if (mode === "whole") return (await client.chat.completions.create(about)).choices[0].message;
  const stream = client.chat.completions.stream(about);
  return (await stream.finalChatCompletion()).choices[0].message;
}

for (const text of [opening, "And what about tomorrow, please?", "Thank you, that helps me a lot."]) {
  messages.push({ role: "user", content: text });
  let message = await ask();
  messages.push(message);
  while (message.tool_calls?.length) {
    for (const call of message.tool_calls) messages.push({ role: "tool", tool_call_id: call.id, content: '{"sun": true}' });
    message = await ask();
    messages.push(message);
  }
  if (!message.content) throw new Error("no answer");
}
