"""The worked example of somebody else's portal is a dataset, and says of each table what it claims to."""

from __future__ import annotations

from pathlib import Path

import yaml

from plugins.module_utils.reingest.dataset.parse import parse_dataset
from plugins.module_utils.reingest.dataset.patterns import expanded
from plugins.plugin_utils.command_line import read_names
from plugins.plugin_utils.declared import declared_wrongly

EXAMPLE = Path(__file__).parents[3] / "docs/examples/nmdc-server"
PORTAL = {
    "user_logins",
    "authorization_code",
    "invalidated_token",
    "file_download",
    "bulk_download",
    "bulk_download_data_object",
    "submission_metadata",
    "submission_role",
    "submission_images_object",
}
WORKFLOWS = (
    "reads_qc",
    "metagenome_assembly",
    "metagenome_annotation",
    "metaproteomic_analysis",
    "mags_analysis",
    "nom_analysis",
    "read_based_analysis",
    "metatranscriptome",
    "metabolomics_analysis",
)
# As the portal's code names its tables: what it loads, and each workflow with what goes in and comes out.
SOURCE = {
    *("study", "biosample", "data_object", "omics_processing", "mag", "gene_function", "search_index"),
    *("envo_term", "envo_ancestor", "envo_tree", "ko_term_to_module", "ko_term_to_pathway", "ko_term_text"),
    *("principal_investigator", "doi_info", "website", "study_website", "publication", "study_publication"),
    *("mga_gene_function_aggregation", "metap_gene_function_aggregation", "ingest_lock"),
    *("biosample_input_association", "omics_processing_output_association"),
    *WORKFLOWS,
    *(f"{name}_{end}_association" for name in WORKFLOWS for end in ("input", "output")),
}


def test_the_example_gives_each_table_its_owner_in_less_than_40_lines():
    file = EXAMPLE / "dataset.yml"
    assert len(file.read_text().splitlines()) < 40
    made = expanded(parse_dataset(file, loaded_elsewhere=True), {*PORTAL, *SOURCE, "alembic_version"})
    owners = {table.name: table.owner for table in made.tables}
    assert {name for name, owner in owners.items() if owner == "portal"} == PORTAL
    assert owners["alembic_version"] == "schema"
    assert {owners[name] for name in SOURCE} == {"source"}


def test_the_examples_inventory_has_all_that_a_run_needs_and_nothing_that_nobody_reads():
    variables = yaml.safe_load((EXAMPLE / "inventory/group_vars/all.yml").read_text())
    given = {name for name in variables if name.startswith("reingest_")}
    assert given <= read_names()
    host = {**variables, "reingest_operator": "0000-0002-1825-0097", "reingest_release": "2026-11"}
    groups = {group: ["portal.example"] for group in ("worker", "db", "backend")}
    assert declared_wrongly({"portal.example": host}, groups, "ingest") == []
