-- A small finished release over demo/schema.sql: one study with 60 data objects, of which a workflow made 30; another
-- study whose name is not harmless; 120 biosamples.
CREATE SCHEMA reingest;
CREATE TABLE reingest.load (
    snapshot text PRIMARY KEY, release text, digest text, run text, operator text,
    began timestamptz, finished timestamptz
);
CREATE TABLE reingest.load_table (
    name text PRIMARY KEY, owner text, read bigint, loaded bigint, duplicates bigint, orphans bigint
);

INSERT INTO study (id, name, description, type, doi, ecosystem, annotations, biosample_count, omics_count) VALUES
    ('gold:Gs0114663', 'Groundwater of the Columbia River', 'First part.\nSecond part.', 'nmdc:Study',
     '10.25585/1487765', 'Environmental', '{"ecosystem_type": {"has_raw_value": "Freshwater"}}', 2, 31),
    ('gold:Gs2', '<script>alert(1)</script>', NULL, 'nmdc:Study', NULL, NULL, '{}', 0, 0);
INSERT INTO biosample (id, name, type, latitude, longitude, ecosystem, habitat, annotations)
SELECT 'gold:Gb' || i, 'Lithgow mine ' || to_char(i, 'FM000'), 'nmdc:Biosample', -33.5, 150.2, 'Environmental',
       'Coal', '{}'
FROM generate_series(1, 118) AS i;
INSERT INTO biosample (id, name, type, ecosystem, annotations) VALUES
    ('emsl:100%', '100% seawater', 'nmdc:Biosample', 'Environmental', '{}'),
    ('igsn:7', 'lithgow leaf', 'nmdc:Biosample', 'Host-associated', '{}');
INSERT INTO data_object (id, name, description, type, file_size_bytes, annotations)
SELECT 'jgi:' || i, 'file ' || to_char(i, 'FM00') || '.fastq.gz', 'Raw reads', 'nmdc:DataObject', 1500000 * i, '{}'
FROM generate_series(1, 60) AS i;
INSERT INTO omics_processing (id, name, type, omics_type, annotations)
SELECT 'gold:Gp' || i, 'Processing ' || i, 'nmdc:OmicsProcessing',
       CASE WHEN i > 1 THEN 'Proteomics' ELSE 'Metagenome' END, '{}'
FROM generate_series(1, 31) AS i;
INSERT INTO omics_study SELECT id, 'gold:Gs0114663' FROM omics_processing;
INSERT INTO omics_input VALUES ('gold:Gp1', 'gold:Gb1'), ('gold:Gp2', 'gold:Gb2');
INSERT INTO omics_output SELECT 'gold:Gp' || i + 1, 'jgi:' || i FROM generate_series(1, 30) AS i;
INSERT INTO activity (id, name, type, started_on, was_informed_by, annotations)
VALUES ('nmdc:a1', 'Annotation', 'nmdc:MetagenomeAnnotation', '2020-06-12', 'gold:Gp1', '{}');
INSERT INTO activity_input VALUES ('nmdc:a1', 'jgi:1');
INSERT INTO activity_output SELECT 'nmdc:a1', 'jgi:' || i FROM generate_series(31, 60) AS i;

INSERT INTO reingest.load VALUES ('20261123T114500Z', 'r2_2021-02-01', 'd', 'run', 'nobody', now(), now());
INSERT INTO reingest.load_table (name, owner)
SELECT tablename, CASE tablename WHEN 'file_download' THEN 'portal' ELSE 'source' END
FROM pg_tables WHERE schemaname = 'public';
INSERT INTO reingest.load_table (name, owner) VALUES ('alembic_version', 'schema');
