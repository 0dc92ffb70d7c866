"""Models at work without a person at hand: what ``convae serve`` and ``convae watch`` share.

- applying: apply a model to the images of a source, by the verb of its job
- outcome: what comes out of it for one image
- new_files, watch_results, watch_journal: files that appear in a folder, their results, what is done already
- latest_images: whether the latest images of a detector still resemble its calibration images
"""
