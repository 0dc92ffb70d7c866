"""Pictures, charts and HTML pages from plain data, independent of models.

- svg: charts; pictures: pixels as pictures; page: HTML pages
- drawing, matplotlib_axes: a chart as an object for notebooks, and in axes of matplotlib
- plot_images: some images of any source as a drawing
- text, colours, findings: number formats, the colours, and the results for each image
- plain_text: text for terminals and logs
"""
