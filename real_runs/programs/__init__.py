"""Programs that a validation runs to find where its predictions fail; plain threaded Python that knows nothing of us."""
