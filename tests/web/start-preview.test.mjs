import assert from "node:assert/strict";
import test from "node:test";

import { askFor, columnsOf } from "../../assets/web/start-preview.js";

const preview = { columns: ["nr", "where", "who", "what"], path_column: "where", label_column: "what" };

test("the columns of the image and of the label come first, the others as they stand", () => {
  assert.deepEqual(columnsOf(preview).map(({ name, at }) => `${name} ${at}`), ["where 1", "what 3", "nr 0", "who 2"]);
  assert.deepEqual(columnsOf({ ...preview, path_column: null, label_column: null }).map(({ at }) => at), [0, 1, 2, 3]);
  assert.deepEqual(columnsOf({ columns: [] }).map(({ part }) => part), ["path", "label"], "a folder has a table of its own");
});

test("what is not known is asked for", () => {
  assert.equal(askFor(preview), "");
  assert.equal(askFor({ columns: [] , path_column: null, label_column: null }), "", "the folders are the classes");
  assert.match(askFor({ ...preview, path_column: null }), /names the image\.$/);
  assert.match(askFor({ ...preview, label_column: null }), /holds the label\.$/);
  assert.match(askFor({ ...preview, path_column: null, label_column: null }), /names the image and the one/);
});
