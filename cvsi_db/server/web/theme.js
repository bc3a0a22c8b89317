/* Dark or light: as the system has it, unless the reader chose. A plain script: it runs before anything is drawn. */
document.documentElement.dataset.theme =
  localStorage.getItem("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
  if (!localStorage.getItem("theme")) document.documentElement.dataset.theme = event.matches ? "dark" : "light";
});
