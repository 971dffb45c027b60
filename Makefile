# The things that you do with this book. Each sets up .venv by itself.
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
READY := .venv/ready page/node_modules/.package-lock.json
# tools/lean: two seconds less for each process that imports jsonschema
export PYTHONPATH := $(CURDIR)/tools/lean$(PYTHONPATH:%=:%)

COURSE := assignments/gradebook.db

.PHONY: book test test-slow test-quick serve pdf audit lab assignments samples grade formgrader feedback grading-times check-binder check-fresh lock benchmark times results clean

book: $(READY) ## build the book into _build/html
	$(BIN)/python tools/build_book.py

test: book ## build the book, then run every check that a change needs, on two cores
	-$(BIN)/python tools/find_chromium.py # installs one where there is none
	$(BIN)/python -m pytest --numprocesses 2 --no-loadscope-reorder

test-slow: book ## the rest of CI: accidents while grading, a real JupyterLab, the whole book printed, experiments run again
	-$(BIN)/python tools/find_chromium.py
	$(BIN)/python -m pytest --numprocesses 2 --no-loadscope-reorder -m slow

QUICK := tests/test_house_rules.py tests/test_repository.py tests/test_ledger.py tests/test_page.py $(if $(filter museum,$(CHAPTER)),tests/test_mutants.py)

test-quick: book ## what the writer of a chapter needs: make test-quick CHAPTER=03_running_statistics
	$(BIN)/python -m pytest $(QUICK) chapters/$(CHAPTER).ipynb -k "$(CHAPTER) or test_ledger or test_mutants or every or checker_is_content"

serve: book ## read the built book on localhost
	$(BIN)/python -m http.server --directory _build/html --bind localhost 8000

pdf: book ## print the book into one PDF, and pack its pages into a zip, into _build/html
	$(BIN)/python tools/make_pdf.py

audit: book page/audit/node_modules/.package-lock.json ## let the W3C's checker read every page, then measure each with Lighthouse (a quarter of an hour)
	command -v java || apt-get install --yes --no-install-recommends default-jre-headless # the checker is a .jar
	java -jar page/audit/node_modules/vnu-jar/build/dist/vnu.jar --errors-only $$(find _build/html -name '*.html' -not -path '*/_static/*')
	CHROME_PATH="$$($(BIN)/python tools/find_chromium.py)" $(BIN)/node page/audit/audit.mjs

lab: $(READY) ## open the chapters in JupyterLab
	$(BIN)/jupyter lab chapters

assignments: .venv/ready ## make the students' notebooks from the instructor's, and check both
	$(BIN)/python -m grading.release

samples: .venv/ready ## write three submissions to try the grading with, into assignments/samples
	$(BIN)/python -m grading.samples

grade: $(COURSE) ## grade a folder: make grade SUBMISSIONS=folder [ASSIGNMENT=forward] [SEED=123] [JOBS=2] [WALL=landlock]
	$(BIN)/python -m grading "$(SUBMISSIONS)" $(ASSIGNMENT:%=--assignment %) $(SEED:%=--seed %) $(JOBS:%=--jobs %) $(WALL:%=--wall %)

formgrader: $(COURSE) ## grade written answers by hand, in JupyterLab
	cd assignments && ../$(BIN)/jupyter lab --LabApp.default_url=/formgrader $(LAB)

feedback: $(COURSE) ## after grading by hand: the feedback pages and grades.csv anew
	$(BIN)/python -m grading --feedback

$(COURSE): | .venv/ready
	$(BIN)/python -m grading.release

grading-times: .venv/ready ## grade 50 submissions of the first assignment, print the time of each step
	$(BIN)/python -m tools.measure_grading

check-binder: ## make Binder's environment in a fresh folder, and run two chapters in it
	python3 tools/check_binder.py

check-fresh: ## as root: make a bare Debian in a temporary folder, and type the README's commands there (20 minutes)
	python3 tools/check_fresh.py

lock: ## write requirements.lock anew from requirements.txt: make lock [UPGRADE=1] for the newest versions
	python3 tools/lock.py $(UPGRADE:%=--upgrade)

benchmark: .venv/ready ## time our batch norm against torch and the usual NumPy
	$(BIN)/python tools/benchmark.py

times: .venv/ready ## execute each chapter by itself, print its time and peak memory
	$(BIN)/python tools/measure_chapters.py

results: .venv/ready ## run all long experiments again, into bnutils/results (about an hour)
	for script in $(filter-out %/sync_statistics.py, $(wildcard experiments/*.py)); do $(BIN)/python $$script || exit 1; done
	$(BIN)/torchrun --standalone --nproc_per_node 2 experiments/sync_statistics.py

clean: ## remove all that is derived
	rm -rf _build .pytest_cache .hypothesis .ruff_cache

.venv/ready: requirements.lock pyproject.toml
	python3 -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is " + sys.version)'
	python3 -m venv .venv
	$(PIP) --require-hashes --requirement requirements.lock
	$(BIN)/python tools/install_torch.py
	$(PIP) --no-build-isolation --no-deps --editable .
	touch $@

%/node_modules/.package-lock.json: %/package-lock.json .venv/ready
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm ci --prefix $* --silent
	touch $@
