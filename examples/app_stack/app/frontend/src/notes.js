export async function read() {
  const answer = await fetch("api/notes");
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer.json();
}

export async function write(text) {
  const answer = await fetch("api/notes", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text }),
  });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
}
