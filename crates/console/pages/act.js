// What people may do: posts of JSON from these pages, and buttons that ask twice where something is lost.

/** Posts, and gives what was answered; throws what went wrong as a sentence. */
export async function post(url, body = "{}") {
  let response;
  try {
    response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  } catch {
    throw new Error("The server does not answer.");
  }
  let answer;
  try { answer = await response.json(); } catch { answer = { error: `it answered with ${response.status}` }; }
  if (!response.ok) throw new Error(answer.error ?? `it answered with ${response.status}`);
  return answer;
}

/**
 * A press of `button` does `what()`; meanwhile it cannot be pressed. `said(text, bad)` gets what came of it.
 * `sure`: the words of the second press that is needed within a few seconds.
 */
export function pressing(button, what, said, sure = null) {
  let asked = null;
  const words = () => button.querySelector("[data-words]") ?? button;
  let before = null;
  const calm = () => { clearTimeout(asked); asked = null; delete button.dataset.sure; words().textContent = before; };
  button.addEventListener("click", async () => {
    if (sure !== null && asked === null) {
      before = words().textContent;
      words().textContent = sure;
      button.dataset.sure = "";
      asked = setTimeout(calm, 4000);
      return;
    }
    if (asked !== null) calm();
    button.disabled = true;
    try { said((await what()) ?? "", false); } catch (error) { said(error.message, true); }
    button.disabled = false;
  });
}

/** Shows what came of something next to it; good news goes by itself. */
export function saying(element) {
  let fading = null;
  return (text, bad) => {
    clearTimeout(fading);
    element.textContent = text;
    element.dataset.tone = bad ? "bad" : "good";
    if (!bad) fading = setTimeout(() => { element.textContent = ""; }, 8000);
  };
}

/** Indents JSON without touching its numbers, which a parser would round; other text stays as it is. */
export function indented(text) {
  try { JSON.parse(text); } catch { return text; }
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  let depth = 0;
  let out = "";
  tokens.forEach((token, at) => {
    const line = () => { out += `\n${"  ".repeat(depth)}`; };
    const closes = tokens[at + 1] === "}" || tokens[at + 1] === "]";
    if (token === "{" || token === "[") {
      out += token;
      depth += 1;
      if (!closes) line();
    } else if (token === "}" || token === "]") {
      depth -= 1;
      if (tokens[at - 1] !== "{" && tokens[at - 1] !== "[") line();
      out += token;
    } else if (token === ",") { out += token; line(); }
    else out += token === ":" ? ": " : token;
  });
  return out;
}
