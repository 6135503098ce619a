"""Small annotations, some by the documented examples of their formats, and photos to go with them."""

from PIL import Image

VOC = """<annotation>
	<folder>VOC2007</folder>
	<filename>000001.jpg</filename>
	<source><database>The VOC2007 Database</database></source>
	<size><width>353</width><height>500</height><depth>3</depth></size>
	<segmented>0</segmented>
	<object>
		<name>dog</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>
		<bndbox><xmin>48</xmin><ymin>240</ymin><xmax>195</xmax><ymax>371</ymax></bndbox>
	</object>
	<object>
		<name>person</name>
		<bndbox><xmin>8</xmin><ymin>12</ymin><xmax>352</xmax><ymax>498</ymax></bndbox>
		<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></part>
	</object>
</annotation>"""
# Files of Caltech-UCSD Birds, as `write` takes them.
CUB = {
    "images_txt": "1 001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg\n2 002.Laysan_Albatross/L_0002.jpg\n",
    "bounding_boxes_txt": "1 60.0 27.0 325.0 304.0\n2 14.0 112.0 388.0 186.0\n",
    "image_class_labels_txt": "1 1\n2 2\n",
    "train_test_split_txt": "1 0\n2 1\n",
    "classes_txt": "1 001.Black_footed_Albatross\n2 002.Laysan_Albatross\n3 003.Sooty_Albatross\n",
}
# Lines of a table of boxes whose classes are names.
ANIMALS = ("a.jpg,cat,0,0,9,9", "b.jpg,Guinea-Pig,0,0,9,9", "b.jpg,cat,0,0,9,9", "c.jpg,unicorn,0,0,9,9")


def write(folder, **files):
    """Files of text, by name with __ in place of / and a dot for the last _."""
    for name, text in files.items():
        path = folder / ".".join(name.replace("__", "/").rsplit("_", 1))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def photo(folder, *names, size=(60, 40)):
    """Photos of that (width, height)."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(folder / name)


def table(folder, *lines):
    """The path of a table of boxes."""
    return write(folder, t_csv="\n".join(["path,label,x0,y0,x1,y1", *lines])) / "t.csv"


def wsol(folder):
    """Metadata as wsolevaluation has them, of three photos, the last without a box."""
    return write(
        folder,
        image_ids_txt="val/1.jpg\nval/2,3.jpg\nval/4.jpg\n",
        class_labels_txt="val/1.jpg,65\nval/2,3.jpg,970\nval/4.jpg,1\n",
        image_sizes_txt="val/1.jpg,500,375\nval/2,3.jpg,500,375\nval/4.jpg,9,9\n",
        localization_txt="val/1.jpg,111,108,441,193\nval/2,3.jpg,45,49,499,162\nval/2,3.jpg,2,69,437,207\n",
    )


def reasons(found):
    """Return what is left out of annotations, with the reasons."""
    return [(problem.id, problem.reason) for problem in found.problems]
