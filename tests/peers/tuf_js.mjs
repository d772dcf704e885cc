// tuf-js's client, driven as public conformance tools drive clients.
//
// tuf_js.mjs --metadata-dir DIR init TRUSTED_ROOT
// tuf_js.mjs --metadata-dir DIR --metadata-url URL refresh
// tuf_js.mjs --metadata-dir DIR --metadata-url URL --target-name PATH ... --target-dir DIR --target-base-url URL download

import { copyFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";

// Where npm installed it: the folder that has node_modules.
const { Updater } = createRequire(join(process.env.TUF_JS_FOLDER, "any.js"))("tuf-js");

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      "metadata-dir": { type: "string" },
      "metadata-url": { type: "string" },
      "target-name": { type: "string", multiple: true, default: [] },
      "target-dir": { type: "string" },
      "target-base-url": { type: "string" },
    },
  });
  const [verb, root] = positionals;
  if (verb === "init") {
    copyFileSync(root, join(values["metadata-dir"], "root.json"));
    return;
  }
  if (verb !== "refresh" && verb !== "download") throw new Error("say init ROOT, refresh or download");
  const updater = new Updater({
    metadataDir: values["metadata-dir"],
    metadataBaseUrl: values["metadata-url"],
    targetDir: values["target-dir"],
    targetBaseUrl: values["target-base-url"],
    config: { fetchRetries: 0 },
  });
  await updater.refresh();
  if (verb !== "download") return;
  for (const name of values["target-name"]) {
    const info = await updater.getTargetInfo(name);
    if (!info) throw new Error(`no target ${name}`);
    if (!(await updater.findCachedTarget(info))) await updater.downloadTarget(info);
  }
}

main().catch((error) => {
  console.error(`${error.name}: ${error.message}`);
  process.exitCode = 1;
});
