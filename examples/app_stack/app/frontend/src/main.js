import { read, write } from "./notes.js";

const list = document.getElementById("notes");

async function show() {
  const items = (await read()).map((note) => {
    const item = document.createElement("li");
    item.textContent = note.text;
    return item;
  });
  list.replaceChildren(...items);
}

document.getElementById("write").addEventListener("submit", async (event) => {
  event.preventDefault();
  const input = document.getElementById("text");
  await write(input.value);
  input.value = "";
  await show();
});

document.getElementById("build").textContent = `${BUILD.environment}, ${BUILD.commit.slice(0, 12)}`;
show().catch((error) => {
  list.textContent = `The backend does not answer: ${error.message}`;
});
