"""The kinds of changes of a contract, and what each means for everybody who reads rows."""

from dataclasses import dataclass

EITHER = "rows of both contracts"
AS_BEFORE = "what it saw before"
GRACE = "after `contract.grace`, once no serving model was trained under it"
AT_ONCE = "at once if nothing else changes: the two are one version"
RESCORED = "on the same rows; each model reads them by its own contract"


@dataclass(frozen=True, kw_only=True)
class ChangeKind:
    """What one kind of change means; `refused` says what to do instead, if it is not applied."""

    name: str
    clients: str
    champion: str = AS_BEFORE
    challenger: str = RESCORED
    drift: str = "nothing new"
    ends: str = GRACE
    refused: str = ""


def _refused(name: str, remedy: str) -> ChangeKind:
    nothing = "-"
    return ChangeKind(
        name=name,
        clients="rows of the former contract only",
        challenger=nothing,
        drift=nothing,
        ends="it stays in force",
        refused=remedy,
    )


WORDS = ChangeKind(
    name="a text, a source name or the format of files changes",
    clients="the same rows",
    drift="explanations show the new texts",
    ends=AT_ONCE,
)
SPELLING = ChangeKind(name="a setting is written in another way", clients="the same rows")
FILE_LABEL = ChangeKind(
    name="the label's column or its unlabelled values change",
    clients="the same rows; files need the new names",
)
ADDED_NULLABLE = ChangeKind(
    name="a nullable feature is added",
    clients=f"{EITHER}: with the feature or without it",
    challenger="on the same rows; the feature is missing in those of before",
    drift="the feature with no reference yet, until a model that was trained with it serves",
)
ADDED_REQUIRED = ChangeKind(
    name="a required feature is added",
    clients="rows with the feature; without it only until the former contract ends",
    challenger="on the same rows; the feature is missing in those of before",
    drift="the feature with no reference yet, until a model that was trained with it serves",
)
REMOVED = ChangeKind(
    name="a feature is removed",
    clients="rows without the feature; with it only until the former contract ends",
    champion="the feature is missing in every row: its scores get worse, so retrain soon",
    drift="no longer the feature; explanations of the champion show it as missing",
)
WIDENED = ChangeKind(
    name="a range is widened or removed",
    clients="also numbers outside the former range",
    champion="numbers that it was not trained on",
    drift="the numbers outside the former range",
)
NARROWED = ChangeKind(
    name="a range is added, narrowed or moved",
    clients="numbers in the new range; others only until the former contract ends",
    challenger="on the same rows; numbers of before stay as they are",
)
NULLABLE = ChangeKind(
    name="a feature becomes nullable",
    clients="also rows in which it is missing",
    champion="missing values that it was not trained on",
    drift="the share of missing values",
)
REQUIRED = ChangeKind(
    name="a feature becomes required",
    clients="rows with a value; without one only until the former contract ends",
)
CATEGORY_ADDED = ChangeKind(
    name="a category is added",
    clients="also the new category",
    champion="`other` if its contract has it, else missing",
    drift="the new category",
)
CATEGORY_REMOVED = ChangeKind(
    name="a category is removed",
    clients="the categories that are left; the removed one only until the former contract ends",
    champion="what it saw before; the removed category is `other` if the new contract has it, "
    "else missing",
    challenger="on the same rows; the removed category is `other` or missing",
    drift="no longer the category: its rows count as `other` or missing",
)
CATEGORIES_REORDERED = ChangeKind(
    name="categories are listed in another order",
    clients="the same rows",
    drift="nothing new: categories are matched by their text",
)
FEATURES_REORDERED = ChangeKind(
    name="features are listed in another order",
    clients="the same rows",
    drift="nothing new: features are matched by their names",
)
NUMBER_WIDER = ChangeKind(
    name="whole numbers become numbers",
    clients="also fractions",
    champion="fractions that it was not trained on",
)
NUMBER_NARROWER = ChangeKind(
    name="numbers become whole numbers",
    clients="whole numbers; fractions only until the former contract ends",
)
MISSING = ChangeKind(
    name="the values that mean missing change",
    clients="the same rows, with the new meaning; values that only the former contract takes "
    "until it ends",
    champion="a missing value where it saw a number, or the other way round",
    drift="the share of missing values",
)
UNKNOWN = ChangeKind(
    name="what becomes of unlisted categories changes",
    clients="unlisted categories if `unknown` takes them",
    drift="the share of missing values or of `other`",
)
BEYOND = ChangeKind(
    name="what becomes of numbers outside the range changes",
    clients="numbers outside the range if `beyond` takes them",
    champion="the nearest limit, or numbers that it was not trained on",
    drift="the numbers outside the range",
)
DERIVED_ADDED = ChangeKind(
    name="a derived feature is added",
    clients="the same rows",
    challenger="on the same rows; the feature is computed for those of before too",
    drift="the feature, computed for the rows of the baseline and the log too",
)
DERIVED_REMOVED = ChangeKind(
    name="a derived feature is removed",
    clients="the same rows",
    champion="the feature, computed by its own contract",
    drift="no longer the feature",
)
EXPRESSION = ChangeKind(
    name="an expression changes",
    clients="the same rows",
    champion="the feature as its own contract computes it",
    challenger="on the same rows; each model computes the feature by its own contract",
    drift="the feature by the new expression, for the rows of the baseline and the log too",
)
DIRECTION = ChangeKind(
    name="a direction (`monotone`) changes",
    clients="the same rows",
    champion="what it saw before; it was trained without the new direction, so retrain soon",
    challenger="on the same rows; one that was trained without a direction that the contract "
    "declares is not promoted",
)
LABEL_VALUES = ChangeKind(
    name="the values of a label change",
    clients="labels of both contracts; removed values only until the former contract ends",
    challenger="on the same labels, which are stored as 0 and 1",
)
TYPE = _refused("the type of a feature changes", "give the feature another name")
KIND = _refused(
    "a raw feature becomes a derived one, or the other way round",
    "give the feature another name",
)
LABEL_SWAPPED = _refused(
    "a value of the label changes its class",
    "use another value, or correct the labels",
)
IDENTITY = _refused(
    "the name of the id, the time or the entity changes",
    "keep the name, and map columns of files with `sources`",
)

KINDS = (
    WORDS,
    SPELLING,
    ADDED_NULLABLE,
    ADDED_REQUIRED,
    REMOVED,
    WIDENED,
    NARROWED,
    NULLABLE,
    REQUIRED,
    CATEGORY_ADDED,
    CATEGORY_REMOVED,
    CATEGORIES_REORDERED,
    FEATURES_REORDERED,
    NUMBER_WIDER,
    NUMBER_NARROWER,
    MISSING,
    UNKNOWN,
    BEYOND,
    DERIVED_ADDED,
    DERIVED_REMOVED,
    EXPRESSION,
    DIRECTION,
    FILE_LABEL,
    LABEL_VALUES,
    TYPE,
    KIND,
    LABEL_SWAPPED,
    IDENTITY,
)
