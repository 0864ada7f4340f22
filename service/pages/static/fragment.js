// Errors that the provider put behind the #, where only the browser sees them.
const given = new URLSearchParams(location.hash.slice(1));
const told = given.get("error_description") || given.get("error");
if (told) {
  document.getElementById("why").textContent = "The provider says: " + told.slice(0, 300);
  history.replaceState(null, "", location.pathname);
}
