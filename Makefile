# The things that you do with this book. Each sets up .venv by itself.
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
READY := .venv/ready page/node_modules/.package-lock.json
# tools/lean: two seconds less for each process that imports jsonschema
export PYTHONPATH := $(CURDIR)/tools/lean$(PYTHONPATH:%=:%)
# where it is set, each of hundreds of processes compiles the same files again
unexport PYTHONDONTWRITEBYTECODE

COURSE := assignments/gradebook.db

.PHONY: book test test-slow test-quick test-accidents test-hub translate serve pdf font audit lab assignments samples grade cluster workers formgrader feedback roster due extend canvas fresh-course check grading-times check-binder check-fresh lock benchmark times results clean

book: $(READY) ## build the book into _build/html
	$(BIN)/python tools/build_book.py

test: book ## build the book, then run every check that a change needs, on two cores
	-$(BIN)/python tools/find_chromium.py # installs one where there is none
	$(BIN)/python -m pytest --numprocesses 2 --no-loadscope-reorder

test-slow: book ## the rest of CI: accidents while grading, a real JupyterLab, the whole book printed, experiments run again
	-$(BIN)/python tools/find_chromium.py
	$(BIN)/python -m pytest --numprocesses 2 --no-loadscope-reorder -m slow

test-accidents: .venv/cluster $(READY) ## kill processes, fill a disk, grade twice at once while a class is graded (10 minutes)
	$(BIN)/python -m pytest tests/accidents

test-hub: $(READY) ## as root: a JupyterHub on this machine, with an instructor and three students, used and removed
	-$(BIN)/python tools/find_chromium.py
	unshare --mount --pid --fork --kill-child --mount-proc $(BIN)/python -m pytest -p no:cacheprovider tests/hub

QUICK := tests/test_house_rules.py tests/test_repository.py tests/test_ledger.py tests/test_page.py tests/test_figures.py $(if $(filter museum,$(CHAPTER)),tests/test_mutants.py)

test-quick: book ## what the writer of a chapter needs: make test-quick CHAPTER=03_running_statistics
	$(BIN)/python -m pytest $(QUICK) chapters/$(CHAPTER).ipynb -m "" -k "not zh and ($(CHAPTER) or test_ledger or test_mutants or every or checker_is_content)"

translate: .venv/ready ## bring the catalogs in locales/ up to the English text; print what is open, and every fault
	$(BIN)/python -m edition update

serve: book ## read the built book on localhost
	$(BIN)/python -m http.server --directory _build/html --bind localhost 8000

pdf: book ## print each edition into one PDF, and pack its pages into a zip, into _build/html and _build/html/zh
	$(BIN)/python tools/make_pdf.py $(EDITION:%=--edition %)

font: ## as root, on Debian or Ubuntu: install the font with which the Chinese PDF is printed
	apt-get update && apt-get install --yes --no-install-recommends fonts-wqy-microhei

audit: book page/audit/node_modules/.package-lock.json ## let the W3C's checker read every page, then measure each with Lighthouse (half an hour)
	command -v java || apt-get install --yes --no-install-recommends default-jre-headless # the checker is a .jar
	java -jar page/audit/node_modules/vnu-jar/build/dist/vnu.jar --errors-only $$(find _build/html -name '*.html' -not -path '*/_static/*')
	CHROME_PATH="$$($(BIN)/python tools/find_chromium.py)" $(BIN)/node page/audit/audit.mjs

lab: $(READY) ## open the chapters in JupyterLab; make lab BOOK=zh opens the Chinese ones
	$(if $(BOOK),$(BIN)/python -m edition write $(BOOK))
	$(BIN)/jupyter lab $(BOOK:%=%/)chapters

assignments: .venv/ready ## make the students' notebooks from the instructor's, and check both: make assignments [ASSIGNMENT=forward]
	$(BIN)/python -m grading.release $(ASSIGNMENT)

samples: .venv/ready ## write three submissions to try the grading with, into assignments/samples
	$(BIN)/python -m grading.samples

grade: $(COURSE) $(READY) ## grade a folder: make grade SUBMISSIONS=folder [ASSIGNMENT=forward] [STUDENT=ada] [SEED=123] [JOBS=2] [WALL=landlock] [SCHEDULER=tcp://host:8786]
	$(BIN)/python -m grading "$(SUBMISSIONS)" $(ASSIGNMENT:%=--assignment %) $(if $(STUDENT),--student "$(STUDENT)") $(SEED:%=--seed %) $(JOBS:%=--jobs %) $(WALL:%=--wall %) $(SCHEDULER:%=--scheduler %)

cluster: .venv/cluster ## install Dask, to grade on several machines

workers: .venv/cluster ## on each machine that is to grade: make workers SCHEDULER=tcp://host:8786 [JOBS=2]
	PYTHONPATH="$(CURDIR):$$PYTHONPATH" $(BIN)/dask worker "$(SCHEDULER)" --nthreads 1 --nworkers $(or $(JOBS),-1)

formgrader: $(COURSE) ## grade written answers by hand, in JupyterLab
	mkdir -p assignments/exchange # formgrader warns where there is none; on a hub the hub's is taken
	cd assignments && ../$(BIN)/jupyter lab --LabApp.default_url=/formgrader/gradebook $(if $(JUPYTERHUB_USER),,--Exchange.root=$(CURDIR)/assignments/exchange) $(LAB)

feedback: $(COURSE) $(READY) ## after grading by hand: the feedback pages and grades.csv anew
	$(BIN)/python -m grading --feedback

roster: $(COURSE) ## who is in the class: make roster FILE=participants.csv, as the platform exports it
	$(BIN)/python -m grading.roster "$(FILE)"

due: $(COURSE) ## make due ASSIGNMENT=forward DATE="2026-12-01 23:59 UTC"
	$(BIN)/python -m grading.dates $(ASSIGNMENT) --due "$(DATE)"

extend: $(COURSE) ## make extend STUDENT=ada ASSIGNMENT=forward DAYS=2
	$(BIN)/python -m grading.dates $(ASSIGNMENT) --student "$(STUDENT)" --days $(DAYS)

canvas: $(COURSE) ## fill in what Canvas has exported: make canvas EXPORT=file ASSIGNMENT=forward [COLUMN="Forward (1234)"]
	$(BIN)/python -m grading.exports "$(EXPORT)" $(ASSIGNMENT:%=--assignment %) $(if $(COLUMN),--column "$(COLUMN)")

fresh-course: .venv/ready ## after practising: put all that was handed in and graded aside, begin with an empty gradebook
	$(BIN)/python -m grading.fresh

check: .venv/ready ## what the grader says of one notebook: make check NOTEBOOK=mine.ipynb [SEED=123]
	$(BIN)/python -m grading.check "$(NOTEBOOK)" $(SEED:%=--seed %) $(WALL:%=--wall %)

$(COURSE): | .venv/ready
	$(BIN)/python -m grading.release

grading-times: $(READY) ## grade 100 and 300 generated submissions, print what it takes (4 minutes); SIZE=10000 for an hour
	$(BIN)/python -m tools.measure_grading $(SIZE:%=--size %)

check-binder: ## make Binder's environment in a fresh folder, and run three chapters in it
	python3 tools/check_binder.py

check-fresh: ## as root: make a bare Debian in a temporary folder, and type the README's commands there (20 minutes)
	python3 tools/check_fresh.py

lock: ## write requirements.lock anew from requirements.txt: make lock [UPGRADE=1] for the newest versions
	python3 tools/lock.py $(UPGRADE:%=--upgrade)
	$(if $(UPGRADE),$(MAKE) .venv/ready && PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm update --prefix page --silent)

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

.venv/cluster: .venv/ready
	$(PIP) --no-build-isolation --constraint binder/constraints.txt --editable '.[cluster]'
	touch $@

%/node_modules/.package-lock.json: %/package-lock.json .venv/ready
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm ci --prefix $* --silent
	touch $@
