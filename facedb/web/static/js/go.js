// A list of choices that each are a page.

/** Go where a `<select data-go="/address?x=">` says when it is changed. */
export function goOnChange() {
  for (const select of document.querySelectorAll("select[data-go]")) {
    select.addEventListener("change", (event) => {
      event.stopPropagation();
      location.href = `${select.dataset.go}${encodeURIComponent(select.value)}`;
    });
  }
}
