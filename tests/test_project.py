import pytest

from roletune.errors import ProjectError, SourceError
from roletune.project import Project
from roletune.sources.settings import Source
from roletune.verbs.profile import read_profile, read_sources

from .character import NAME, PROFILE, make_character, scene


def written(folder, settings, **files):
    """A character's folder with exactly these settings."""
    make_character(folder)
    (folder / "character.yaml").write_text(settings, "utf-8")
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def mistakes(folder):
    with pytest.raises(ProjectError) as caught:
        Project.open(folder)
    return caught.value.mistakes


def test_three_lines_suffice(tmp_path):
    folder = written(tmp_path, "name: Mira\nprofile: profile.md\nsources: [{path: dialogues}]\n")
    project = Project.open(folder)
    assert project.character.name == "Mira"
    assert project.recipe.name == "quick"
    assert project.questions.is_file()


def test_a_readme_among_the_dialogues_is_no_script(tmp_path):
    folder = make_character(tmp_path)
    (folder / "dialogues" / "README.md").write_text("# About these scenes\n", "utf-8")
    project = Project.open(folder)
    assert "README.md" not in [path.name for path in project.source_files(Source(path="dialogues"))]


def test_the_settings_file_can_be_named_instead_of_its_folder(tmp_path):
    assert Project.open(make_character(tmp_path) / "character.yaml").folder == tmp_path


def test_all_mistakes_are_told_at_once_each_with_its_path(tmp_path):
    settings = """
name: Mira
nmae: Mira
subject: living
scenes: {count: many, colour: red}
profile: gone.md
sources: [{path: nowhere}, {path: dialogues, origin: dreamt}]
train: {recipe: quick, overrides: {rank: none, speed: 9}}
evaluate: {questions: gone.yaml}
splits: {validation: 0.6, test: 0.6}
"""
    told = mistakes(written(tmp_path, settings))
    paths = {mistake.partition(":")[0] for mistake in told}
    assert paths == {
        *("nmae", "scenes.count", "scenes.colour", "sources.1.origin", "splits"),
        *("consent", "profile", "train", "evaluate.questions"),
    }
    (train,) = [mistake for mistake in told if mistake.startswith("train")]
    assert "rank:" in train
    assert "speed:" in train
    (unknown,) = [mistake for mistake in told if mistake.startswith("nmae")]
    assert unknown == "nmae: there is no such setting; did you mean name?"


def test_what_is_missing_is_told_with_what_to_do(tmp_path):
    told = mistakes(written(tmp_path, "name: Mira\nprofile: gone.md\nsources: [{path: nowhere}]\n"))
    assert "write what is known" in told[0]
    assert told[1].startswith("sources.0: ")
    assert "does not exist. Write it" in told[1]


def test_a_recipe_that_does_not_exist_is_told_with_the_names_of_those_that_do(tmp_path):
    (told,) = mistakes(written(tmp_path, "name: Mira\ntrain: {recipe: quikc}\n"))
    assert "quikc" in told
    assert "jarvis, large, quick" in told


def test_a_living_subject_needs_consent(tmp_path):
    assert mistakes(written(tmp_path, "name: Mira\nsubject: living\nconsent: '  '\n"))[0].startswith("consent:")
    Project.open(written(tmp_path, "name: Mira\nsubject: living\nconsent: Mira Berg agreed on 3 May 2026.\n"))


def test_bad_yaml_is_told_with_its_line(tmp_path):
    with pytest.raises(ProjectError, match="not valid YAML: line 4, column 5"):
        Project.open(written(tmp_path, "name: Mira\nstyle: good\nscenes: {count: [1\nbase: x\n"))


def test_a_date_that_is_none_is_told_and_no_bug(tmp_path):
    with pytest.raises(ProjectError, match="not valid YAML"):
        Project.open(written(tmp_path, "name: Mira\nconsent: 2026-13-45\n"))


@pytest.mark.parametrize("text", ["", "# only a remark\n", "- a\n- list\n", "Mira\n"])
def test_a_file_without_settings_is_told(tmp_path, text):
    with pytest.raises(ProjectError, match="holds no settings"):
        Project.open(written(tmp_path, text))


def test_a_missing_file_is_told_with_the_command_that_makes_one(tmp_path):
    with pytest.raises(ProjectError, match="roletune new"):
        Project.open(tmp_path / "nobody")


def test_another_encoding_is_named_with_its_cure(tmp_path):
    make_character(tmp_path)
    (tmp_path / "character.yaml").write_bytes("name: Zoë\nstyle: très poli, à côté du phare élevé\n".encode("cp1252"))
    with pytest.raises(SourceError, match=r"character\.yaml is not UTF-8.*iconv"):
        Project.open(tmp_path)


def test_bad_questions_are_told_before_anything_is_made(tmp_path):
    folder = written(tmp_path, "name: Mira\n", **{"questions.yaml": "- {text: 5}\n"})
    assert mistakes(folder)[0].startswith("evaluate.questions:")


@pytest.mark.parametrize("package", ["no_such_package_of_plays", "no_such_parent.child"])
def test_a_package_that_is_not_installed_is_told_with_the_command_that_installs_it(tmp_path, package):
    told = mistakes(written(tmp_path, f"name: Mira\nsources: [{{package: {package}, path: plays/x.md}}]\n"))
    assert f"pip install --no-deps {package}" in told[0]


def test_a_source_can_be_a_file_of_an_installed_package(tmp_path):
    project = Project.open(make_character(tmp_path))
    (found,) = project.source_files(Source(package="roletune", path="prompts/en/persona.md"))
    assert found.is_file()


def test_a_recipe_of_ones_own_lies_in_the_characters_folder(tmp_path):
    folder = make_character(tmp_path, train={"recipe": "mine.yaml", "overrides": {"rank": 3}})
    (folder / "mine.yaml").write_text("rank: 5\nepochs: 7\n")
    recipe = Project.open(folder).recipe
    assert (recipe.rank, recipe.epochs, recipe.name) == (3, 7, "mine")


@pytest.mark.parametrize("outside", ["absolute", "beside"])
def test_files_outside_the_folder_are_read_and_their_paths_stay_out_of_records(tmp_path, outside):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "known.md").write_text(PROFILE)
    (elsewhere / "played.md").write_text(scene("The bell", "Who rang?", "The wind did, it has no manners."))
    start = elsewhere if outside == "absolute" else "../elsewhere"
    folder = make_character(
        tmp_path / "mira", profile=f"{start}/known.md", sources=[{"path": f"{start}/played.md"}, {"path": "dialogues"}]
    )
    project = Project.open(folder)
    profile = read_profile(project)
    read = read_sources(project, profile)
    assert len(read.dialogues) == 13
    assert str(tmp_path) not in profile.model_dump_json()
    assert not any(str(tmp_path) in dialogue.model_dump_json() for dialogue in read.dialogues)
    assert read.dialogues[0].provenance.source.endswith("played.md#the-bell")


def test_sources_are_named_alike_wherever_the_folder_is(tmp_path, monkeypatch):
    make_character(tmp_path / "mira")
    monkeypatch.chdir(tmp_path)
    ids = []
    for folder in (tmp_path / "mira", tmp_path / "mira" / ".." / "mira"):
        project = Project.open(folder.relative_to(tmp_path))
        ids.append([dialogue.id for dialogue in read_sources(project, read_profile(project)).dialogues])
    assert ids[0] == ids[1]


def test_sources_without_a_line_of_the_character_are_told_with_the_names_it_goes_by(tmp_path):
    project = Project.open(make_character(tmp_path, name="Ines", aliases=["Captain"]))
    with pytest.raises(ProjectError, match=r"No dialogue of Ines.*no line of Ines.*Ines, Captain"):
        read_sources(project, read_profile(project))


def test_the_name_is_the_one_that_scenes_use(tmp_path):
    assert read_profile(Project.open(make_character(tmp_path))).name == NAME
