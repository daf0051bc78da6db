"""The Books service."""
import books_pb2
import books_pb2_grpc

from catalogue.models import Book, isbn_key

from .caller import batch, call, not_found, slice_of


def message(book):
    """A book with its authors."""
    return books_pb2.Book(
        isbn=book.isbn,
        title=book.title,
        published=book.published.isoformat(),
        price=str(book.price),
        authors=[
            books_pb2.Author(id=author.pk, name=author.name, born=author.born and author.born.isoformat())
            for author in sorted(book.authors.all(), key=lambda author: author.pk)
        ],
    )


class Books(books_pb2_grpc.BooksServicer):
    """Books as data."""

    @call
    def GetBook(self, request, caller):
        """One book, by any spelling of its ISBN."""
        book = Book.objects.prefetch_related("authors").filter(isbn_key=isbn_key(request.isbn)).first()
        if book is None:
            raise not_found("book not found")
        return message(book)

    @call
    def BatchGetBooks(self, request, caller):
        """Several books, in the order asked."""
        keys = batch([isbn_key(isbn) for isbn in request.isbns])
        found = {book.isbn_key: book for book in Book.objects.prefetch_related("authors").filter(isbn_key__in=keys)}
        return books_pb2.BatchGetBooksResponse(books=[message(found[key]) for key in keys if key in found])

    @call
    def ListBooks(self, request, caller):
        """A slice of all books, by title."""
        books = Book.objects.order_by("title", "pk").prefetch_related("authors")
        items = books[slice_of(request)]
        return books_pb2.ListBooksResponse(books=[message(item) for item in items], total=books.count())
