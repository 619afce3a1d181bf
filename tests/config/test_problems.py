from churnml.config.problems import Contradictions, Problem, as_config_error, key_text

LINES = {("a",): 3, ("a", "b"): 5}


def test_a_missing_key_is_placed_at_its_block():
    error = as_config_error([Problem(("a", "c"), "gone", "config.missing_key")], file="p", lines=LINES)
    assert str(error) == "p:3: a.c: gone."
    assert (error.line, error.column, error.rule, error.exit_code) == (3, "a.c", "config.missing_key", 2)


def test_several_problems_keep_their_own_hints():
    problems = [Problem(("a", "b"), "wrong", "r.2", "Mend it."), Problem(("a",), "odd", "r.1")]
    error = as_config_error(problems, file="p", lines=LINES)
    assert str(error) == "p:3: a: odd.\np:5: a.b: wrong. Mend it."
    assert (error.rule, error.count) == ("r.1", 2)


def test_contradictions_name_their_keys():
    assert str(Contradictions([Problem(("a", 0), "x", "r"), Problem(("b",), "y", "r")])) == "a[0]: x; b: y"


def test_key_text_of_the_top_is_empty():
    assert key_text(()) == ""
