"""nbgrader's settings for this course: solutions/ is the source, labs/ the release.

Read by `nbgrader` in this folder, by JupyterLab's buttons, and by `lecturelib release`.
"""

from lecturelib.grading.release import ReleaseChecks, find_programs

find_programs()

c = get_config()  # noqa: F821 - nbgrader's loader defines it

c.CourseDirectory.course_id = "deep-generative-models"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "labs"
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", "checks.py"]

# the visible checks and the release's hash come last, when the notebook is as the student will get it
c.GenerateAssignment.preprocessors.append(ReleaseChecks)
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\nraise NotImplementedError"}
c.ClearSolutions.text_stub = "*Your answer here.*"

c.Execute.timeout = 120  # seconds for a cell
c.Execute.extra_arguments = ["--HistoryManager.hist_file=:memory:", "--IPKernelApp.log_level=40"]

# nbgrader's own would run students' code without a sandbox, and write over the feedback: `lecturelib grade` instead
c.Autograde.exporter_class = "lecturelib.grading.gradebook.NotByNbgrader"
c.GenerateFeedback.exporter_class = "lecturelib.grading.gradebook.NotByNbgrader"
