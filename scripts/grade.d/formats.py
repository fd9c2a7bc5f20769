"""The results of a class, for people and for machines."""
import itertools
import json
from xml.etree import ElementTree


def points(result):
    """(earned, of): each part counts by its weight, all or nothing."""
    return (sum(part["weight"] for part in result["parts"] if part["passed"]),
            sum(part["weight"] for part in result["parts"]))


def earned_by(part):
    return number(part["weight"] if part["passed"] else 0)


def score(result):
    earned, of = points(result)
    return 100 * earned / of if of else 0


def number(value):
    return int(value) if value == int(value) else round(value, 2)


def reason(part):
    return "; ".join("%s: %s" % tuple(pair) for pair in part["wrong"][:3]) + (
        "; and %d more" % (len(part["wrong"]) - 3) if len(part["wrong"]) > 3 else "")


def remarks(result):
    return [text for text in (result["said"], result["broke"], *result["notes"]) if text]


def table(results):
    width = max([len(result["name"]) for result in results] + [10])
    lines = ["%-*s %6s  %-10s %s" % (width, "submission", "of 100", "", "lacks")]
    for result in results:
        lacks = [part["name"] for part in result["parts"] if not part["passed"]]
        all_lack = len(lacks) == len(result["parts"])
        lines.append(("%-*s %6.1f  %-10s %s" % (width, result["name"], score(result), result["state"],
                                                "everything" if all_lack else " ".join(lacks))).rstrip())
        lines += ["%-*s         %s" % (width, "", remark) for remark in remarks(result)]
    return "\n".join(lines)


def as_json(results):
    return json.dumps([{"score": round(score(result), 1), **result} for result in results], indent=1)


def junit(results):
    suites = ElementTree.Element("testsuites")
    for result in results:
        wrong = [part for part in result["parts"] if not part["passed"]]
        suite = ElementTree.SubElement(suites, "testsuite", name=result["name"], tests=str(len(result["parts"])),
                                       failures=str(len(wrong)))
        for part in result["parts"]:
            case = ElementTree.SubElement(suite, "testcase", classname=result["name"], name=part["name"])
            if not part["passed"]:
                ElementTree.SubElement(case, "failure", message=reason(part)).text = part["text"]
        ElementTree.SubElement(suite, "system-out").text = "\n".join(remarks(result))
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True)


def tap(results):
    lines = ["TAP version 13", "1..%d" % sum(len(result["parts"]) for result in results)]
    numbers = itertools.count(1)
    for result in results:
        lines += ["# %s: %s" % (result["name"], remark) for remark in remarks(result)]
        for part in result["parts"]:
            verdict = "ok" if part["passed"] else "not ok"
            lines.append("%s %d - %s: %s" % (verdict, next(numbers), result["name"], part["name"]))
            lines += [] if part["passed"] else ["# " + reason(part)]
    return "\n".join(lines)


def gradescope(result):
    """results.json of a Gradescope autograder."""
    return {"score": round(score(result), 2), "output": "\n".join(remarks(result)), "visibility": "visible",
            "stdout_visibility": "hidden",
            "tests": [{"name": part["name"], "score": earned_by(part),
                       "max_score": number(part["weight"]), "status": "passed" if part["passed"] else "failed",
                       "output": part["text"] if part["passed"] else reason(part),
                       "visibility": "hidden" if part["name"].startswith("held:") else "visible"}
                      for part in result["parts"]]}


def classroom(result):
    """What a test runner hands to GitHub Classroom's autograding reporter, there in base64."""
    earned, of = points(result)
    return {"version": 1, "status": "pass" if earned == of else "fail", "max_score": number(of),
            "tests": [{"name": part["name"], "status": "pass" if part["passed"] else "fail",
                       "score": earned_by(part), "message": "" if part["passed"] else reason(part), "test_code": "",
                       "filename": "", "line_no": 0, "execution_time": 0} for part in result["parts"]]}
