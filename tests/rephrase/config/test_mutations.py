"""Every kind of mistake in a run.yaml, at every depth, ends in one line with the file, the line in it, and a cure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.errors import UserError
from rephrase.spark.stages.pipeline import check

RUN = """\
plugins: []
output: out
input:
  paths: [notes.jsonl]
  min_characters: 300
  fields:
    text: body
  scores:
    edu: {models: [edu.bin], combine: mean}
  scrub: {emails: MAIL}
tokenizer: tokenizer.json
engine:
  kind: replay
  path: recorded
recipes:
  - wrap/easy
  - use: persona/math
    options: {personas: [a teacher]}
  - use: domain_qa/edge_cases
    options:
      questions: 3
  - use: entigraph
    options:
      pairs: 0.5
      retries: 1
    sampling:
      temperature: 0.7
    when:
      min_tokens: 50
      scores:
        edu: {min: 0.5}
screen:
  checks:
    - length:
        min_words: 5
    - repetition
filter:
  checks:
    - finished
    - length:
        max_ratio: 3
        recipes:
          wrap/*:
            max_ratio: 2
    - toxic:
        use: quality
        model: toxic.bin
        max: 0.3
    - contamination:
        benchmarks:
          - name: quiz
            paths: quiz.jsonl
            ngram: 13
rewrite:
  tasks_per_gpu: 2
  executor:
    gpus: 1
dedup:
  bands: 14
mix:
  seed: 7
  phases:
    - tokens: 1000
      components:
        - origin: original
          share: 0.5
        - recipe: wrap/*
          share: 0.5
    - tokens: 100
      components:
        - {origin: synthetic, share: 1}
spark:
  conf:
    spark.ui.enabled: false
"""
KEYS = "".join(f"    k{n}: 1\n" for n in range(100_000))
REPLAY = "  kind: replay\n  path: recorded\n"
SCRUB, LAST = "scrub: {emails: MAIL}", "{origin: synthetic, share: 1}"
ALIASES = "plugins: []\nmore0: &more0 [a, a]\n" + "\n".join(f"more{n}: &more{n} [{', '.join([f'*more{n - 1}'] * 30)}]" for n in range(1, 9))

# What stands in the file, what is put there, the line that must be named, and words of the message with its cure.
MUTATIONS = [
    ("  seed: 7", "  preset: [wrap]", 61, "`mix.preset`: should be text, not a list"),
    ("        - origin: original", "        - max_epochs: .inf\n          origin: original", 65, "should be a finite number"),
    ("output: out", "outputt: out", 2, "unknown key `outputt`.*did you mean `output`"),
    ("output: out", "output: [out]", 2, "`output`: should be text, not a list.*`rephrase config output`"),
    ("tokenizer: tokenizer.json\n", "", None, "the key `tokenizer` is missing.*add it"),
    ("plugins: []", "plugins: [no_such_module_of_mine]", 1, "`no_such_module_of_mine` cannot be imported: ModuleNotFoundError.*install"),
    ("plugins: []", "plugins: {a: b}", 1, "should be text.*`rephrase config plugins`"),
    ("input:\n", "input: notes.jsonl\ninputs:\n", 4, "unknown key `inputs`.*did you mean `input`"),
    ("  min_characters: 300", "  min_charcters: 300", 5, "unknown key `input.min_charcters`.*did you mean `min_characters`"),
    ("  min_characters: 300", "  min_characters: many", 5, "`input.min_characters`: .*not 'many'.*`rephrase config input`"),
    ("  min_characters: 300", "  min_characters: -1", 5, "`input.min_characters`: .*greater than or equal to 0"),
    ("paths: [notes.jsonl]", "paths: []", 4, "`input.paths`: .*at least 1 item"),
    ("paths: [notes.jsonl]", "paths: [1]", 4, "`input.paths.0`: should be text, not 1 .put it into quotes"),
    ("text: body", "txt: body", 7, "unknown key `input.fields.txt`.*did you mean `text`"),
    ("text: body", "text: [body]", 7, "`input.fields.text`: should be text, not a list"),
    ("combine: mean", "combin: mean", 9, "unknown key `input.scores.edu.combin`.*did you mean `combine`"),
    ("combine: mean", "combine: median", 9, "`input.scores.edu.combine`: should be 'max' or 'mean', not 'median'.*did you mean `mean`"),
    ("scrub: {emails: MAIL}", "scrub: {emails: [1]}", 10, "`input.scrub"),
    ("kind: replay", "kind: replya", 13, "unknown engine `replya`.*did you mean `replay`"),
    ("  kind: replay\n", "", 12, "the key `engine.kind` is missing.*vllm, endpoint, replay, echo"),
    ("  path: recorded", "  pth: recorded", 14, "unknown key `engine.pth`.*did you mean `path`"),
    ("  path: recorded\n", "", 12, "the key `engine.path` is missing"),
    (REPLAY, "  kind: vllm\n  model: a/b\n  gpu_memory_utilisation: 0.9\n", 15, "did you mean `gpu_memory_utilization`"),
    (REPLAY, "  kind: vllm\n  model: a/b\n  batch_size: 0\n", 15, "`engine.batch_size`: .*greater than or equal to 1, not 0"),
    (REPLAY, "  kind: vllm\n  model: a/b\n  env: {A: [b]}\n", 15, "`engine.env.A`: should be text"),
    (REPLAY, "  kind: endpoint\n  url: http://x\n  model: m\n  api_key: k\n", 16, "unknown key `engine.api_key`.*`api_key_env`"),
    (
        REPLAY,
        "  kind: endpoint\n  url: http://x\n  model: m\n  retries: -1\n",
        16,
        "`engine.retries`: .*or equal to 0, not -1",
    ),
    (REPLAY, "  kind: echo\n  model: m\n", 14, "unknown key `engine.model`.*known keys here: kind"),
    ("- wrap/easy", "- wrap/eazy", 16, "there is no recipe `wrap/eazy`.*did you mean `wrap/easy`"),
    ("- wrap/easy", "- 5", 16, "`recipes.0`: a recipe is a name, or keys with values.*for example wrap/easy"),
    ("- use: persona/math", "- us: persona/math", 17, "unknown key `recipes.1.us`.*did you mean `use`"),
    ("options: {personas: [a teacher]}", "options: {persons: [a teacher]}", 18, "unknown option `persons`.*did you mean `personas`"),
    (
        "options: {personas: [a teacher]}",
        "options: {personas: 7}",
        18,
        "`recipes.1.options.personas`: .*`rephrase recipes show",
    ),
    ("      questions: 3", "      questions: three", 21, "`recipes.2.options.questions`: .*not 'three'.*`rephrase recipes show"),
    ("      questions: 3", "      question: 3", 21, "unknown option `question`.*did you mean `questions`"),
    ("      pairs: 0.5", "      pears: 0.5", 24, "unknown option `pears`.*did you mean `pairs`"),
    ("      pairs: 0.5", "      pairs: 2", 24, "`recipes.3.options.pairs`: .*less than or equal to 1, not 2"),
    ("      temperature: 0.7", "      temprature: 0.7", 27, "unknown key `recipes.3.sampling.temprature`.*did you mean `temperature`"),
    ("      temperature: 0.7", "      temperature: -1", 27, "`recipes.3.sampling.temperature`: .*greater than or equal to 0"),
    ("      min_tokens: 50", "      min_token: 50", 29, "unknown key `recipes.3.when.min_token`.*did you mean `min_tokens`"),
    ("edu: {min: 0.5}", "edu: {minimum: 0.5}", 31, "unknown key `recipes.3.when.scores.edu.minimum`.*did you mean `min`"),
    ("edu: {min: 0.5}", "edu: {min: high}", 31, "`recipes.3.when.scores.edu.min`: .*not 'high'"),
    ("- wrap/easy", "- use: verified/command", 16, "the key `recipes.0.options.command` is missing.*add it"),
    ("        min_words: 5", "        min_word: 5", 35, "unknown key `screen.checks.0.length.min_word`.*did you mean `min_words`"),
    ("    - repetition", "    - copied", 36, "`copied` judges a rewrite, and documents are none.*list it under filter.checks"),
    ("    - repetition", "    - repetiton", 36, "unknown check `repetiton`.*did you mean `repetition`"),
    ("    - finished", "    - finishd", 39, "unknown check `finishd`.*did you mean `finished`"),
    ("    - finished", "    - [finished]", 39, "a check is a name, or a name with its settings.*for example"),
    ("    - finished", "    - length", 40, "the check `length` is listed twice.*`use: length`"),
    ("        max_ratio: 3", "        maxx_ratio: 3", 41, "unknown key `filter.checks.1.length.maxx_ratio`.*did you mean `max_ratio`"),
    (
        "        max_ratio: 3",
        "        max_ratio: long",
        41,
        "checks.1.length.max_ratio`: .*not 'long'.*`rephrase config checks.length`",
    ),
    ("        max_ratio: 3", "        max_ratio: 0", 41, "`filter.checks.1.length.max_ratio`: .*greater than 0, not 0"),
    ("          wrap/*:\n            max_ratio: 2", "          wrap/*: 2", 43, "`recipes` is a mapping of recipe names.*for example"),
    ("          wrap/*:", "          wrapp/easy:", 43, "no recipe of this run fits `wrapp/easy`.*did you mean `wrap/easy`"),
    (
        "            max_ratio: 2",
        "            max_raito: 2",
        44,
        "unknown key .*length.recipes.wrap/[*].max_raito`.*`max_ratio`",
    ),
    ("        use: quality", "        use: qualty", 46, "unknown check `qualty`.*did you mean `quality`"),
    ("        model: toxic.bin\n", "", 45, "the key `filter.checks.2.toxic.model` is missing"),
    ("        max: 0.3", "        max: 3", 48, "`filter.checks.2.toxic.max`: .*less than or equal to 1, not 3.*checks.quality"),
    ("            ngram: 13", "            ngrams: 13", 53, "unknown key `filter.checks.3.contamination.benchmarks.0.ngrams`.*`ngram`"),
    ("            ngram: 13", "            ngram: 99", 53, "contamination.benchmarks.0.ngram`: .*less than or equal to 13"),
    (
        "          - name: quiz",
        "          - nam: quiz",
        51,
        "unknown key .*contamination.benchmarks.0.nam`.*did you mean `name`",
    ),
    ("  tasks_per_gpu: 2", "  tasks_per_gpu: 0", 55, "`rewrite.tasks_per_gpu`: .*greater than or equal to 1.*`rephrase config rewrite`"),
    ("    gpus: 1", "    gpu: 1", 57, "unknown key `rewrite.executor.gpu`.*did you mean `gpus`"),
    ("  bands: 14", "  bandz: 14", 59, "unknown key `dedup.bandz`.*did you mean `bands`"),
    ("  seed: 7", "  sed: 7", 61, "unknown key `mix.sed`.*did you mean `seed`"),
    ("  seed: 7", "  preset: wrapp", 61, "`mix.preset`: there is no preset `wrapp`.*did you mean `wrap`"),
    ("  seed: 7", "  components: [{origin: original, shares: 1}]", 61, "unknown key `mix.components.0.shares`.*did you mean `share`"),
    (
        "          share: 0.5\n        - recipe",
        "          shar: 0.5\n        - recipe",
        66,
        "`mix.phases.0.components.0.shar`.*`share`",
    ),
    ("          share: 0.5\n        - recipe", "          share: 0.6\n        - recipe", 64, "shares of the components sum to 1.1, not 1"),
    (
        "        - {origin: synthetic, share: 1}",
        "        - {origin: sythetic, share: 1}",
        71,
        "components.0.origin`: .*'synthetic'",
    ),
    ("    - tokens: 100\n", "    - token: 100\n", 69, "unknown key `mix.phases.1.token`.*did you mean `tokens`"),
    ("    spark.ui.enabled: false", "    spark.ui.enabled: [no]", 74, "`spark.conf.spark.ui.enabled"),
    ("spark:\n  conf:", "spark:\n  config:", 73, "unknown key `spark.config`.*did you mean `conf`"),
    ("output: out", 'output: ""', 2, "the path is empty.*write where it is"),
    ("paths: [notes.jsonl]", 'paths: ["", notes.jsonl]', 4, "the path is empty"),
    ("paths: [notes.jsonl]", 'paths: ""', 4, "the path is empty"),
    ("tokenizer: tokenizer.json", 'tokenizer: " "', 11, "the path is empty"),
    ("        model: toxic.bin", '        model: ""', 47, "the path is empty"),
    (REPLAY, '  kind: vllm\n  model: ""\n', 14, "the path is empty"),
    (REPLAY, '  kind: replay\n  path: ""\n', 14, "the path is empty"),
    (REPLAY, '  kind: endpoint\n  url: http://x\n  model: ""\n', 15, "`engine.model`: .*at least 1 character"),
    ("  min_characters: 300", "  format: {auto: {}}", 5, "`auto` has no settings.*write format: auto"),
    ("  min_characters: 300", "  format: {jsonl: false}", 5, "the settings of `jsonl` are keys with values.*write format: jsonl"),
    ("  min_characters: 300", "  format: {jsonl: {a: 1}}", 5, "unknown key `input.format.jsonl.a` .it has no settings"),
    ("rewrite:\n", "output: elsewhere\nrewrite:\n", 54, "the key `output` stands twice, lines 2 and 54.*take one of them out"),
    ("  seed: 7", "  seed: 7\n  seed: 8", 62, "the key `mix.seed` stands twice, lines 61 and 62"),
    (
        "    - finished",
        "    - {length: {max_ratio: 3, max_ratio: 2}}",
        39,
        "length.max_ratio` stands twice, lines 39 and 39",
    ),
    ("  seed: 7", "  seed: 2024-99-99", 61, "not valid YAML: `2024-99-99` is no timestamp.*mend the line"),
    ("  seed: 7", "  seed: !!int abc", 61, "not valid YAML: `abc` is no int"),
    ("  seed: 7", "  seed: !!bool perhaps", 61, "not valid YAML: `perhaps` is no bool"),
    ("  seed: 7", "  seed: !!timestamp soon", 61, "not valid YAML: `soon` is no timestamp"),
    ("spark:\n  conf:", "spark: &all\n  more: *all\n  conf:", 72, "`spark.more` contains itself.*take the alias out"),
    ("spark:\n  conf:", f"spark:\n  more: {'[' * 500}{']' * 500}\n  conf:", 73, "nested more than 100 levels deep"),
    ("  seed: 7", f"  seed: {'[' * 3000}", 61, "nested more than 100 levels deep"),
    ("  seed: 7", f"  seed: {'[' * 100_000}", 61, "nested more than 100 levels deep"),
    ("plugins: []", ALIASES, 2, "more than 30,000 keys and values, with those that aliases repeat.*write less by aliases"),
    ("min_tokens: 50", "min_tokens: 50\n      max_tokens: 49", 30, "`min_tokens` is 50 and `max_tokens` 49: nothing is between"),
    ("edu: {min: 0.5}", "edu: {min: 0.5, max: 0.4}", 31, "`min` is 0.5 and `max` 0.4"),
    ("edu: {min: 0.5}", "edu: {min: .nan}", 31, "`min` is nan and `max` inf"),
    ("temperature: 0.7", "top_k: -2", 27, "sampling.top_k`: .*greater than or equal to -1"),
    ("temperature: 0.7", "min_p: 2", 27, "sampling.min_p`: .*less than or equal to 1"),
    ("temperature: 0.7", "repetition_penalty: 0", 27, "sampling.repetition_penalty`: .*greater than 0"),
    ("  seed: 7", f"  seed: {'9' * 5000}", 61, "`9{80}…` is a number of more than 400 characters"),
    ("  seed: 7", f"  seed: 0x{'f' * 5000}", 61, "`0xf+…` is a number of more than 400 characters"),
    ("  seed: 7", f"  seed: 1{':59' * 5000}", 61, "is a number of more than 400 characters"),
    ("  seed: 7", f"  seed: {2**64}", 61, "`18446744073709551616` is a number of more than 64 bits"),
    ("  seed: 7", "  seed: !!int ''", 61, "not valid YAML: `` is no int"),
    ("  seed: 7", "  seed: !!python/object/apply:os.system [ls]", 61, "could not determine a constructor"),
    ("  seed: 7", "  seed: 2024-12-05", 61, "`mix.seed`: should be a whole number, not 2024-12-05"),
    ("output: out", 'output: "\\ud800"', 2, "not valid YAML: found invalid Unicode character"),
    ("output: out", 'output: "a\\0b"', 2, "the path holds a NUL character.*write it without"),
    ("output: out", f"output: {'a' * 5000}", 2, "the path, `a{80}…`, is longer than file systems allow"),
    ("- wrap/easy", f"- {'a' * 300}.yaml", 16, "the path, `a{80}…`, is longer than file systems allow"),
    ("- wrap/easy", '- "a\\0b.yaml"', 16, "the path holds a NUL character"),
    (
        "spark:\n  conf:",
        "spark:\n  conf:\n" + "".join(f"    k{n}: 1\n" for n in range(100_000)),
        14_988,
        "more than 30,000 keys and values",
    ),
    ("  seed: 7", f"  seed: 7 # {'x' * 2_000_000}", None, "the YAML has more than 2,000,000 characters"),
    ("output: out", f"output: out\nx: &x {'x' * 100_000}\ny: [{'*x, ' * 100}]", 3, "the YAML has more than 2,000,000 characters"),
    ("plugins: []", f"{'k' * 1000}: 1", 1, "unknown key `k{80}…`"),
    ("  seed: 7", "  1: 2", 61, "the key `mix.1` is no text.*quote it: '1'"),
    ("  kind: replay\n", "  kind: replay\n  7: 8\n", 14, "the key `engine.7` is no text.*quote it: '7'"),
    ("plugins: []", "on: 2", 1, "the key `on` is no text.*quote it: 'on'"),
    ("plugins: []", "~: 2", 1, "the key `~` is no text"),
    ("plugins: []", "? [a]\n: 2", 1, "a key is a list or a mapping"),
    ("          wrap/*:\n            max_ratio: 2", "          3: {max_ratio: 2}", 43, "`filter.checks.1.length.recipes.3` is no text"),
    ("  - wrap/easy", "  -", 16, "`recipes.0`: a recipe is a name, or keys with values"),
    ("- wrap/easy", "- wrap", 16, "there is no recipe `wrap` .that is a family: `wrap/[*]` takes all of it"),
    ("- wrap/easy", "- entigraph: {triples: 0.2}", 16, "`entigraph` stands where a key should .write {use: entigraph, options"),
    ("- wrap/easy", "- {use: wrap/easy, name: my name}", 16, "`recipes.0.name`: .*not 'my name' .for example my_name"),
    (
        "- wrap/easy",
        "- {use: wrap/easy, sampling: {stop: '##'}}",
        16,
        r"sampling.stop`: should be a list, not '##' .write a list: \['##'\]",
    ),
    ("- wrap/easy", "- {use: wrap/easy, sampling: {max_tokens: true}}", 16, "sampling.max_tokens`: should be a whole number, not true"),
    ("- wrap/easy", "- {use: wrap/easy, sampling: {max_tokens: '9'}}", 16, "should be a whole number, not '9' .write 9 without quotes"),
    (
        "- wrap/easy",
        "- {use: wrap/easy, when: {languages: [en, no]}}",
        16,
        "when.languages.1`: should be text, not false .put it into quotes",
    ),
    ("- wrap/easy", "- {use: wrap/easy, document_first: 'yes'}", 16, "should be true or false, not 'yes' .write yes without quotes"),
    ("      pairs: 0.5", "      pairs: 50%", 24, "options.pairs`: should be a number, not '50%' .write 0.5"),
    (
        "options: {personas: [a teacher]}",
        "options: null",
        18,
        "the key `recipes.1.options` has no value .give it keys with values, or take",
    ),
    (SCRUB, "scrub: {email: MAIL}", 10, "unknown key `input.scrub.email` .did you mean `emails`"),
    (SCRUB, "scrub: all", 10, "`input.scrub`: should be true or false or keys with values, not 'all'"),
    (SCRUB, "scrub: {emails: 5}", 10, "`input.scrub.emails`: should be text, not 5 .put it into quotes"),
    (SCRUB, "scrub: [emails]", 10, "`input.scrub`: should be true or false or keys with values, not a list"),
    (SCRUB, "scrub: null", 10, "the key `input.scrub` has no value .give it true or false or keys with values, or take the key out"),
    (SCRUB, "formatters: FTFYFormatter", 10, r"`input.formatters`: should be a list.*write a list: \['FTFYFormatter'\]"),
    (SCRUB, "formatters: [{FTFYFormatter: [1]}]", 10, "`input.formatters.0.FTFYFormatter`: should be keys with values, not a list"),
    (SCRUB, "formatters: [3]", 10, "`input.formatters.0`: should be text or keys with values, not 3"),
    (SCRUB, "max_characters: 100", 10, "`min_characters` is 300 and `max_characters` 100: nothing is between them .swap them"),
    (SCRUB, "main_content: 1", 10, "`input.main_content`: should be true or false, not 1"),
    (SCRUB, "extractor: trafiltura", 10, "`input.extractor`: should be 'resiliparse' or 'trafilatura'.*did you mean `trafilatura`"),
    (SCRUB, "tokens_per_unit: 500k", 10, "`input.tokens_per_unit`: should be a whole number, not '500k' .write 500_000"),
    (SCRUB, "format: [jsonl]", 10, "`input.format`: it is the name of a format, or one name with settings"),
    ("  min_characters: 300", "  min_characters: 3_000_000", 5, "`max_characters` 2_000_000: nothing is.*`max_characters` is a default"),
    ("    text: body", "    text: null", 7, "the key `input.fields.text` has no value"),
    ("        max_ratio: 3", "        max_ratio: true", 41, "`filter.checks.1.length.max_ratio`: should be a number, not true"),
    ("        max_ratio: 3", "        max_ratio: '3'", 41, "should be a number, not '3' .write 3 without quotes"),
    (
        "        max_ratio: 3",
        "        max_ratio: 3\n        min_ratio: 5",
        41,
        "`min_ratio` is 5 and `max_ratio` 3: nothing is between them",
    ),
    (
        "            max_ratio: 2",
        "            max_ratio: 0.05",
        44,
        "`min_ratio` is 0.2 and `max_ratio` 0.05: .*`min_ratio` is a default: set it",
    ),
    (
        "            max_ratio: 2",
        "            min_ratio: 7",
        44,
        "for `wrap/[*]` `min_ratio` is 7 and `max_ratio` 3: nothing is between them",
    ),
    (
        "    - length:\n        max_ratio: 3\n        recipes",
        "    - length:\n      max_ratio: 3\n      recipes",
        41,
        "`max_ratio` stands beside",
    ),
    ("    - finished", "    - {use: length, min_words: 3}", 39, "a check is its name with its settings below it .write {length: {…}}"),
    ("    - finished", "    - quality: {model: a.bin, min: 0.9, max: 0.2}", 39, "`min` is 0.9 and `max` 0.2: nothing is between them"),
    (
        "    - finished",
        "    - quality: {model: a.bin, min_by_source: {web: 3}}",
        39,
        "quality.min_by_source.web`: should be less than or equal to 1",
    ),
    ("    - finished", "    - ensemble: {models: [a.bin], of: score, min: 12}", 39, "`min` is 12, and with `of: score` nothing is above 1"),
    (
        "    - finished",
        "    - chatter: {skip: [hope_help]}",
        39,
        "chatter.skip.0`: there is no rule `hope_help` .did you mean `hope_helps`",
    ),
    ("        min_words: 5", "        max_words: 5", 35, "for `document` `min_words` is 10 and `max_words` 5: .*`min_words` is a default"),
    ("screen:\n  checks:", "screen:\n  check:", 33, "unknown key `screen.check` .did you mean `checks`"),
    ("dedup:\n  bands: 14", "dedup: true", 58, "`dedup`: should be keys with values, not true"),
    ("  bands: 14", "  min_similarity: 70", 59, "`dedup.min_similarity`: should be less than or equal to 1, not 70"),
    ("  seed: 7", "  budget_tokens: 1B", 61, "`mix.budget_tokens`: should be a whole number, not '1B' .write 1_000_000_000"),
    ("  seed: 7", "  preset: third", 61, "`mix.preset`: the preset `third` has components, and there are `phases` beside it"),
    ("  seed: 7", "  components: null", 61, "the key `mix.components` has no value .give it a list, or take the key out"),
    (LAST, "{origin: synthetic}", 71, "`mix.phases.1.components.0`: the component `synthetic` says neither its `share` nor its `tokens`"),
    (LAST, "{share: 1, tokens: 5}", 71, "`mix.phases.1.components.0.tokens`: .*has a `share` and `tokens` .take one"),
    (LAST, "{share: 1, temperature: 2}", 71, "components.0.temperature`: .*is not divided .add split_by: source"),
    (LAST, "{share: 1, min_scores: {a: 2}, max_scores: {a: 1}}", 71, "`min_scores.a` is 2 and `max_scores.a` 1: nothing is between"),
    (
        "    - tokens: 100\n      components:",
        "    - components:",
        69,
        "`mix.phases.1`: the phase does not say how many tokens it has .add its `tokens`",
    ),
    ("  tasks_per_gpu: 2", "  max_engine_errors: 20%", 55, "`rewrite.max_engine_errors`: should be a number, not '20%' .write 0.2"),
    ("    gpus: 1", "    memory: 4", 57, "`rewrite.executor.memory`: should be text, not 4 .put it into quotes"),
    (
        "    spark.ui.enabled: false",
        "    spark.ui.enabled: null",
        74,
        "the key `spark.conf.spark.ui.enabled` has no value .give it text or a number or",
    ),
    (
        REPLAY,
        "  kind: vllm\n  model: a/b\n  revision: 20240101\n",
        15,
        "`engine.revision`: should be text, not 20240101 .put it into quotes",
    ),
    (
        REPLAY,
        "  kind: vllm\n  model: a/b\n  seeds: yes\n",
        15,
        "`engine.seeds`: should be 'auto', 'on' or 'off', not true .put it into quotes: 'on'",
    ),
    (REPLAY, "  kind: [vllm]\n", 13, r"`engine.kind`: unknown engine `\['vllm'\]`"),
    ("engine:\n" + REPLAY, "engine: echo\n", 12, "`engine`: it is keys with values.*write {kind: echo, …}"),
    ("output: out", "output: 2024-05-01", 2, "`output`: should be text, not 2024-05-01 .put it into quotes"),
    ("output: out", "output: http://x/y", 2, "`output`: `http://x/y`: there is no store for http://"),
]


def load(folder: Path, text: str, **overrides: object) -> None:
    path = folder / "run.yaml"
    path.write_text(text)
    load_run(str(path), overrides)


def test_the_run_that_is_mutated_is_right(tmp_path):
    load(tmp_path, RUN)


@pytest.mark.timeout(60)  # none of these takes long to refuse
@pytest.mark.parametrize(("before", "after", "line", "message"), MUTATIONS, ids=[after.strip()[:40] for _, after, _, _ in MUTATIONS])
def test_a_mistake_is_told_with_line_and_cure(before, after, line, message, tmp_path):
    assert RUN.count(before) == 1, before
    with pytest.raises(UserError) as failure:
        load(tmp_path, RUN.replace(before, after))
    error = failure.value
    place = f"{tmp_path}/run.yaml, line {line}: " if line else f"{tmp_path}/run.yaml: "
    assert error.line().startswith(place), error.line()
    assert "\n" not in error.line()
    assert re.search(message, error.line()), error.line()
    assert error.cure
    assert "pydantic" not in error.line()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("mix.sed", 7, r"--set mix.sed: unknown key `mix.sed` \(did you mean `seed`"),
        ("recipes", None, "--set recipes: the key `recipes` has no value .give it a list, or take the key out"),
        ("mix", None, "--set mix: the key `mix` has no value .give it keys with values, or take the key out"),
        ("tokenizer", None, "--set tokenizer: the key `tokenizer` has no value .give it text"),
        ("recipes", "wrap/easy", r"--set recipes: `recipes`: should be a list, not 'wrap/easy' .write a list: \['wrap/easy'\]"),
        ("recipes", ["wrap/eazy"], "--set recipes: `recipes.0`: there is no recipe `wrap/eazy`"),
        ("engine", {"kind": "vllm", "model": "m", "sedes": "on"}, "--set engine: unknown key `engine.sedes`.*did you mean `seeds`"),
        ("filter.checks", [{"length": {"maxx": 1}}], "--set filter.checks: unknown key `filter.checks.0.length.maxx`"),
        ("mixx.seed", 7, r"--set mixx.seed: unknown key `mixx` \(did you mean `mix`"),
        ("rewrite.executer.gpus", 7, r"--set rewrite.executer.gpus: unknown key `rewrite.executer` \(did you mean `executor`"),
        ("engine.kind.x", 3, "--set engine.kind.x: `engine.kind` is one value.*replace it whole: --set 'engine.kind=…'"),
        ("filter.checks.0", "finished", r"--set filter.checks.0: `filter.checks` is a list.*: --set 'filter.checks=\[…\]'"),
        ("mix..seed", 5, "--set mix..seed: `mix..seed` has an empty part.*for example --set mix.seed=7"),
        ("", 5, "has an empty part"),
    ],
)
def test_a_mistake_on_the_command_line_is_told_with_its_key(key, value, message, tmp_path):
    with pytest.raises(UserError, match=message):
        load(tmp_path, RUN, **{key: value})


def test_what_overrides_stays_as_the_caller_has_it(tmp_path):
    engine = {"kind": "replay", "path": "elsewhere"}
    load(tmp_path, RUN, **{"engine": engine, "engine.path": "recorded"})
    assert engine == {"kind": "replay", "path": "elsewhere"}


@pytest.mark.parametrize(
    "engine",
    [
        {"kind": "vllm", "model": "m", "env": {"HF_TOKEN": 1234567}},
        {"kind": "vllm", "model": "m", "env": "1234567"},
        {"kind": "endpoint", "model": "m", "url": "http://x", "extra_body": "1234567"},
        {"kind": "endpoint", "model": "m", "url": "http://x", "api_key_env": 1234567},
    ],
)
def test_secrets_are_not_shown(engine, tmp_path):
    with pytest.raises(UserError, match="should be") as failure:
        load(tmp_path, RUN, engine=engine)
    assert "1234567" not in failure.value.line()


def test_a_config_that_never_ends_or_has_no_path_is_refused():
    with pytest.raises(UserError, match=r"/dev/zero: the YAML has more than 2,000,000 characters"):
        load_run("/dev/zero")
    with pytest.raises(UserError, match="cannot read the config: embedded null byte"):
        load_run("a\0b.yaml")


def test_a_key_of_thousands_of_parts_ends_in_one_line(tmp_path):
    with pytest.raises(UserError) as failure:
        load(tmp_path, RUN, **{".".join(["mix"] * 50_000): 1})
    assert failure.value.where == f"--set {'mix.' * 20}…"


def test_the_rest_of_the_file_keeps_its_lines_where_an_override_stands(tmp_path):
    with pytest.raises(UserError, match=r"run.yaml, line 61: unknown key `mix.sed`"):
        load(tmp_path, RUN.replace("  seed: 7", "  sed: 7"), **{"mix.skip_empty": True})


LATER = """\
output: out
input: {paths: notes.jsonl}
tokenizer: TOKENIZER
engine: {kind: echo}
recipes:
  - wrap/easy
  - use: entigraph
screen:
  checks: [repetition, {toxic: {use: quality, model: toxic.bin, max: 1}}]
"""


@pytest.mark.parametrize(
    ("before", "after", "line", "message"),
    [
        ("notes.jsonl", "[notes.jsonl, note.jsonl]", 2, "`input.paths.1`: .*/note.jsonl: no input files found .check the path"),
        ("TOKENIZER", "nowhere.json", 3, "`tokenizer`: .*there is no tokenizer here .give a tokenizer.json"),
        ("{kind: echo}", "{kind: replay, path: nowhere}", 4, "`engine.path`: .*/nowhere: "),
        ("{kind: echo}", "{kind: vllm, model: ./nowhere}", 4, "`engine.model`: .*/nowhere: there is no such model folder"),
        ("{kind: echo}", "{kind: endpoint, url: 'localhost:8000', model: m}", 4, "`engine.url`: localhost:8000: .*write it like http://"),
        ("- use: entigraph", "- use: wrap/easy", 5, "`recipes`: the recipe `wrap/easy` is named twice .name it once"),
        ("input: {paths: notes.jsonl}\n", "", 5, "`recipes.0`: the recipe `wrap/easy` works on documents.*add input: {paths: .FILES.}"),
        ("checks: [repetition", "checks: [repetition", 9, "`screen.checks.1.toxic.model`: .*/toxic.bin: there is no such fastText model"),
        ("output: out", "output: notes.jsonl/out", 1, "`output`: .*notes.jsonl/out: "),
    ],
)
def test_what_is_missing_is_told_with_its_line_before_a_run(before, after, line, message, tmp_path, tokenizer_file):
    (tmp_path / "notes.jsonl").write_text('{"text": "x"}\n')
    text = LATER.replace(before, after).replace("TOKENIZER", tokenizer_file)
    (tmp_path / "run.yaml").write_text(text if "toxic" in message else text.partition("screen:")[0])
    run = load_run(str(tmp_path / "run.yaml"))
    with pytest.raises(UserError) as failure:
        check(run, here=True)
    told = failure.value.line()
    assert told.startswith(f"{tmp_path}/run.yaml, line {line}: "), told
    assert re.search(message, told), told


def test_a_run_that_no_file_holds_is_checked_without_lines(tmp_path, tokenizer_file):
    data = {"output": str(tmp_path), "tokenizer": "./nowhere", "engine": {"kind": "echo"}, "recipes": ["tinystories/story"]}
    with pytest.raises(UserError, match=r"^\./nowhere: there is no tokenizer here"):
        check(Run.model_validate(data))


def test_what_is_missing_on_disk_is_looked_for_before_a_run_and_not_while_reading(tmp_path, tokenizer_file):
    text = RUN.replace("tokenizer.json", tokenizer_file).replace("- wrap/easy", "- mine.yaml").replace("wrap/*:", "mine/*:")
    (tmp_path / "run.yaml").write_text(text)
    run = load_run(str(tmp_path / "run.yaml"))
    with pytest.raises(UserError, match=r"mine.yaml: there is no such recipe file \(check the path\)"):
        check(run)
