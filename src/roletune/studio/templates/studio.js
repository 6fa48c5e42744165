// Keyboard: a letter alone presses the visible button that has the class key-LETTER, unless somebody is typing.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.key.length !== 1) return;
  if (event.target.closest("input, textarea, select, [contenteditable], .cm-editor")) return;
  const letter = event.key.toLowerCase();
  if (!/^[a-z]$/.test(letter)) return;
  const found = [...document.querySelectorAll("button.key-" + letter + ", .key-" + letter + " button")];
  const button = found.find((each) => each.offsetParent !== null && !each.disabled);
  if (button) { event.preventDefault(); button.click(); }
});
