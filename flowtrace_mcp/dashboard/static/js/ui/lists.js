// Tables of rows that lead somewhere: j and k go up and down, Enter opens.
import { html, useEffect, useRef } from "../view.js";

export function isTyping(event) {
  return Boolean(event.target.closest?.("input, textarea, select, [role=tree]"));
}

// Focus the links of a list one after the other; the first link of a row is the row's.
function useListKeys() {
  const body = useRef(null);
  useEffect(() => {
    const onKey = (event) => {
      if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      const step = { j: 1, k: -1 }[event.key];
      if (!step || !body.current) return;
      const rows = [...body.current.rows].map((row) => row.querySelector("a")).filter(Boolean);
      const at = rows.indexOf(document.activeElement);
      rows[Math.max(0, Math.min(rows.length - 1, at + step))]?.focus();
      event.preventDefault();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  return body;
}

// columns: {title, isNumber, canHide, cell(row)}
export function Table({ label, columns, rows, keyOf }) {
  const body = useListKeys();
  const classes = (column) =>
    [column.isNumber && "number", column.canHide && "can-hide"].filter(Boolean).join(" ");
  return html`<div class="table-wrap" tabindex="0" role="region" aria-label=${label}><table>
    <thead><tr>
      ${columns.map(
        (column) =>
          html`<th key=${column.title} scope="col" class=${classes(column)}>${column.title}</th>`,
      )}
    </tr></thead>
    <tbody ref=${body}>
      ${rows.map(
        (row) => html`<tr key=${keyOf(row)}>
          ${columns.map(
            (column) =>
              html`<td key=${column.title} class=${classes(column)}>${column.cell(row)}</td>`,
          )}
        </tr>`,
      )}
    </tbody>
  </table></div>`;
}
