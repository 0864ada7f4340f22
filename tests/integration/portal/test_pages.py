from __future__ import annotations

import pytest


def test_the_first_page_lists_the_studies_with_their_counts(client):
    page = client.get("/").text

    assert "Groundwater of the Columbia River" in page
    assert '<td class="number">31</td>' in page
    assert [f"<dd>{count}</dd>" in page for count in (2, 120, 31, 60, 0)] == [True] * 5


def test_every_page_says_which_release_and_snapshot_it_shows(client):
    for path in ("/", "/study/gold:Gs0114663", "/biosamples", "/biosample/gold:Gb1", "/data-object/jgi:1"):
        page = client.get(path).text
        assert "r2_2021-02-01" in page
        assert "20261123T114500Z" in page


def test_text_of_the_sources_is_escaped(client):
    page = client.get("/").text

    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_no_page_needs_anything_from_elsewhere(client):
    for path in ("/", "/study/gold:Gs0114663", "/biosamples", "/static/portal.css"):
        answer = client.get(path)
        assert 'src="http' not in answer.text
        assert "url(" not in answer.text
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
        answer.close()


def test_a_study_shows_its_facts_and_omics_types(client):
    page = client.get("/study/gold:Gs0114663").text

    assert "https://doi.org/10.25585/1487765" in page
    assert "<dt>Ecosystem type</dt><dd>Freshwater</dd>" in page
    assert "<p>First part.</p>" in page
    assert "<p>Second part.</p>" in page
    assert page.index("Proteomics") < page.index("Metagenome")


def test_a_studys_data_objects_come_in_pages_and_hold_what_workflows_made(client):
    first, last, beyond = (client.get(f"/study/gold:Gs0114663?page={number}").text for number in (1, 3, 99))

    assert "1\N{EN DASH}25 of 60" in first
    assert "file 25.fastq.gz" in first
    assert "file 26.fastq.gz" not in first
    assert "51\N{EN DASH}60 of 60" in last
    assert "file 60.fastq.gz" in last
    assert "Next" not in last
    assert beyond == last


def test_a_study_without_data_objects_says_so(client):
    assert "No data objects." in client.get("/study/gold:Gs2").text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 120),
        ("q=Lithgow", 119),
        ("q=LITHGOW+MINE+00", 9),
        ("q=gold:gb11", 10),
        ("q=lithgow&ecosystem=Host-associated", 1),
        ("ecosystem=Host-associated", 1),
        ("q=100%25", 1),
        ("q=%25", 0),
        ("q=_", 0),
        ("q=\\", 0),
        ("q=%00lithgow+leaf", 1),
        ("q=';--", 0),
        ("ecosystem=none", 0),
    ],
)
def test_biosamples_are_found_by_the_start_of_name_or_id(client, query, found):
    page = client.get(f"/biosamples?{query}").text

    assert ("No biosample is named so" if found == 0 else f"of {found}<") in page


def test_pages_of_a_search_keep_the_search(client):
    first = client.get("/biosamples?q=lithgow&ecosystem=Environmental").text
    second = client.get("/biosamples?q=lithgow&ecosystem=Environmental&page=2").text

    assert "page=2&amp;q=lithgow&amp;ecosystem=Environmental" in first
    assert "51\N{EN DASH}100 of 118" in second


def test_a_biosample_names_the_studies_that_processed_it(client):
    assert "Groundwater of the Columbia River" in client.get("/biosample/gold:Gb1").text
    assert "No study of this release" in client.get("/biosample/gold:Gb3").text


@pytest.mark.parametrize(
    "path", ["/nothing", "/study/gone", "/biosample/gone", "/data-object/gone", "/study/a%00b", "/study/"]
)
def test_what_is_not_there_is_a_404_page(client, path):
    answer = client.get(path)

    assert answer.status_code == 404
    assert "Nothing here" in answer.text


def test_a_download_writes_a_row_and_goes_back_to_the_page_it_came_from(client, server, database):
    form, headers = {"study": "gold:Gs0114663", "page": "2"}, {"User-Agent": "curl/8 " + "x" * 500}
    answer = client.post("/download/jgi:30", data=form, headers=headers)
    ((data_object, browser),) = server.rows("SELECT data_object_id, client FROM file_download", database)
    back = client.get(answer.location).text

    assert answer.status_code == 303
    assert (data_object, len(browser)) == ("jgi:30", 200)
    assert "Download recorded." in back
    assert "nothing was sent" in back
    assert "26\N{EN DASH}50 of 60" in back
    assert '<td class="number">1</td>' in back


def test_a_download_from_elsewhere_goes_to_the_data_objects_page(client):
    for _ in range(2):
        answer = client.post("/download/jgi:1")
    page = client.get(answer.location).text

    assert "Download recorded." in page
    assert "<dt>Downloads</dt><dd>2</dd>" in page


def test_a_download_of_nothing_is_a_404_and_writes_nothing(client, server, database):
    assert client.post("/download/gone").status_code == 404
    assert client.get("/download/jgi:1").status_code == 405
    assert server.rows("SELECT count(*) FROM file_download", database) == [(0,)]


def test_a_fenced_database_is_read_and_a_refused_download_is_said_to_be_lost(client, server, database):
    client.get("/")
    server.rows(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    server.rows(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")

    download = client.post("/download/jgi:1")

    assert download.status_code == 503
    assert "was not recorded" in download.text
    assert download.headers["Retry-After"]
    assert client.get("/").status_code == 200
    assert client.get("/health").status_code == 200
