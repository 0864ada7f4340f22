-- What a mapping cannot say: how many biosamples and omics processings each study has.
UPDATE study
SET omics_count = counted.omics, biosample_count = counted.biosamples
FROM (
    SELECT omics_study.study_id,
           count(DISTINCT omics_study.omics_id) AS omics,
           count(DISTINCT omics_input.biosample_id) AS biosamples
    FROM omics_study
    LEFT JOIN omics_input USING (omics_id)
    GROUP BY omics_study.study_id
) AS counted
WHERE counted.study_id = study.id;
