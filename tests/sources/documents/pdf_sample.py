"""PDF files for tests, written by hand: lines of text on pages, one font."""

import zlib


def pdf(*pages, info="", extra=b"", pack=False):
    """A PDF whose pages hold the given lines; `extra` is drawn on every page."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for lines in pages:
        content = b"BT /F1 10 Tf 12 TL 50 750 Td " + b" ".join(b"(%s) Tj T*" % _escaped(line) for line in lines)
        content += b" ET " + extra
        packing = b""
        if pack:
            content, packing = zlib.compress(content, 9), b"/Filter /FlateDecode "
        objects.append(b"<< %s/Length %d >> stream\n%s\nendstream" % (packing, len(content), content))
        kids.append(len(objects) + 1)
        box = b"/MediaBox [0 0 600 800] /Resources << /Font << /F1 3 0 R >> >>"
        objects.append(b"<< /Type /Page /Parent 2 0 R %s /Contents %d 0 R >>" % (box, len(objects)))
    listed = b" ".join(b"%d 0 R" % kid for kid in kids)
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), listed)
    objects.append(b"<< %s >>" % info.encode("latin-1"))
    return _file(objects)


def _escaped(line):
    text = line.encode("latin-1")
    return text.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _file(objects):
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size %d /Root 1 0 R /Info %d 0 R >>\n" % (len(objects) + 1, len(objects))
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)
