"""The report: JSON, Markdown, one HTML page, pictures, and the tables of the documentation.

::

    svg, palette            pictures as text; colors
    bars, curves            components stacked; gas against N
    layout, slots           storage as solc lays it out; drawn
    book                    what a report says, before it takes a form
    document                JSON (report.schema.json)
    markdown                for GitHub
    page                    the HTML, from templates/
    tables                  figures in README and docs/, from the committed snapshot
"""
