"""The files of a new use case as a person reads and edits them."""

from pipelines.ingestion.use_case_proposal import Proposal
from pipelines.rules.proposal.yaml_text import flow, key_lines

CONTRACT_HEAD = """\
# The columns of {title}, as `sixgate new` guessed them from {rows:,} rows: read them, and correct
# what is wrong. docs/reference/contract.md describes every key; `sixgate check {name}` finds
# mistakes.
"""
POLICY_HEAD = """\
# What differs from the defaults. Floors are proposals from a quick fit: raise or lower them to what
# the business needs. docs/reference/policy.md describes every key.
"""


def contract_text(proposal: Proposal) -> str:
    """Return `contract.yaml`: a line for each feature, with what was seen."""
    document = dict(proposal.document.document)
    features = document.pop("features")
    sources = {"sources": document.pop("sources", {})}
    comments = proposal.document.comments
    head = CONTRACT_HEAD.format(title=document["title"], rows=proposal.rows, name=proposal.name)
    lines = ["features:"]
    for name, settings in features.items():
        comment = f"  # {comments[name]}" if comments.get(name) else ""
        lines.append(f"  {flow(name)}: {flow(settings)}{comment}")
    if sources["sources"]:
        lines.append(key_lines(sources, {}).rstrip("\n"))
    return head + key_lines(document, {}) + "\n".join(lines) + "\n" + _left_out(proposal)


def policy_text(proposal: Proposal) -> str:
    """Return `policy.yaml`, with the reason of each floor."""
    return POLICY_HEAD + key_lines(proposal.policy.document, proposal.policy.comments)


def _left_out(proposal: Proposal) -> str:
    if not proposal.left_out:
        return ""
    lines = ["# Columns that are no features:"]
    for column, reason in proposal.left_out.items():
        lines.append(f"#   {' '.join(column.split()) or '(no name)'}: {reason}")
    return "\n".join(lines) + "\n"
