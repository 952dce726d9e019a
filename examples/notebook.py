# %% [markdown]
# # From a web crawl to a mixture, in one sitting
#
# A walk through the library on the sample crawl beside this file: read documents, look at a recipe's prompts, rewrite, judge, see what
# was rejected and why, mix. The completions were recorded from a language model, so no model and no network is needed. Everything runs in
# this process but the last step, which works on Spark DataFrames.
#
# Run it from the repository's folder, cell by cell (VS Code, Jupyter with jupytext) or whole: `python examples/notebook.py`.

# %%
import os
import sys
import tempfile

import classifiers
import rephrase

TOKENIZER = "examples/tokenizer.json"

# %% [markdown]
# ## Documents
#
# Any file that a run reads: WARC, WET, JSONL, Parquet; on disk or on S3. The mapping is what stands under `input:` in a run.yaml.

# %%
documents = rephrase.read_documents(
    {"paths": ["examples/crawl/sample.warc.gz", "examples/crawl/notes.jsonl"], "min_characters": 300, "source": "example-crawl"}, TOKENIZER
)
print(documents.select(["url", "source", "n_tokens"]).to_pandas().to_string())

# %% [markdown]
# ## A recipe, and what it asks
#
# `rephrase recipes` lists all of them with their papers. A step cuts a document into passages and makes a prompt of each.

# %%
[medium] = rephrase.find_recipes("wrap/medium")
[rewriting] = medium.steps
print(medium.paper.title, medium.paper.url, sep="\n")

page = documents.column("text")[0].as_py()
prompts = list(rewriting.prompts(rephrase.Row(rephrase.Document("page", page)), rephrase.Tokenizer.load(TOKENIZER)))
print(f"\n{len(page):,} characters give {len(prompts)} prompts. The first one:\n")
for message in prompts[0].messages:
    print(f"[{message.role}] {message.content[:600]} …\n")

# %% [markdown]
# ## Rewrite
#
# Four styles at once. For real work the engine is `{"kind": "vllm", "model": "Qwen/Qwen3-8B"}` or an `endpoint`; the rest stays.

# %%
engine = {"kind": "replay", "path": "examples/recorded", "model": "recorded-language-model"}
generations = rephrase.rewrite(documents, "wrap/*", engine, tokenizer=TOKENIZER, id="id")
print(generations.group_by("recipe").aggregate([("id", "count"), ("completion_tokens", "sum")]).to_pandas().to_string())

# %% [markdown]
# ## Judge
#
# A small quality classifier first: labels in, a model with a measured threshold out. It is the last of the checks; those before it need
# no model. Every text keeps all its scores, so that other thresholds can be tried without asking anything again.

# %%
folder = tempfile.mkdtemp()
settings = classifiers.TrainSettings(epoch=25, learning_rate=0.5)
quality = classifiers.train("examples/quality_labels.jsonl", f"{folder}/quality", settings)
print(f"AUC on held-out labels {quality.card.auc:.2f}, threshold {quality.card.threshold:.2f} ({quality.card.threshold_rule})")

checks = ["finished", "parsed", "chatter", "leaked", "length", "repetition", "copied", {"quality": {"model": quality.model}}]
judged = classifiers.judge(generations, documents, checks, tokenizer=TOKENIZER, id="id")
print(judged.group_by("verdict").aggregate([("id", "count")]).to_pandas().to_string())

# %% [markdown]
# ## What was rejected, and why
#
# The verdict is the first check that fails; the scores say by how much. The texts stand in the generations.

# %%
written = {row["id"]: row for row in generations.select(["id", "completion", "error"]).to_pylist()}
for row in judged.to_pylist():
    if row["verdict"] != "keep":
        scores = sorted(((score, name) for name, score in row["scores"] if name.startswith(row["verdict"])), reverse=True)
        highest = ", ".join(f"{name} {score:.2f}" for score, name in scores[:3])
        completion = " ".join(written[row["id"]]["completion"].split())
        print(f"{row['recipe']}: {row['verdict']} ({written[row['id']]['error'] or highest})\n    {completion[:110]} …")

# %% [markdown]
# ## Mix
#
# From here on DataFrames: yours may be Iceberg, Delta or anything else that Spark reads, and `rephrase.spark` has `rewrite` and `judge` for
# them as well. Shares are of tokens. The mixture comes back in its order, the same on any number of machines.

# %%
from pyspark.sql import SparkSession  # noqa: E402  # a notebook imports where it begins to need it

import rephrase.spark  # noqa: E402

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
quiet = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
spark = SparkSession.builder.master("local[2]").config(map=quiet).getOrCreate()

shares = [{"origin": "original", "share": 0.5}, {"recipe": "wrap/qa", "share": 0.2}, {"origin": "synthetic", "share": 0.3}]
mixture = rephrase.spark.mix(spark.createDataFrame(documents), spark.createDataFrame(judged), {"components": shares, "seed": 7})

# %% [markdown]
# ## Shares
#
# `mixture` is a DataFrame like any other: `mixture.write.parquet(…)` keeps its order.

# %%
rows = mixture.toPandas()
tokens = rows.groupby(["origin", "recipe"], dropna=False)["n_tokens"].agg(["count", "sum"])
tokens["share"] = (tokens["sum"] / rows["n_tokens"].sum()).round(3)
print(tokens.to_string())
print(f"\nThe mixture has {len(rows)} rows and {rows['n_tokens'].sum():,} tokens. It begins:\n{rows['text'][0][:200]} …")
spark.stop()
